"""The alert rules and the dashboard: Prometheus's own tool takes them, and they ask for what is told."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.metric_names import TOLD

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "docs/monitoring/alerts.yml"
DASHBOARD = ROOT / "docs/monitoring/dashboard.json"
GUIDE = ROOT / "docs/guides/metrics.md"
TESTS = Path(__file__).with_name("alerts_test.yml")
_NAME = re.compile(r"\benvmgr_[a-z_]+")
_SUFFIX = re.compile(r"_(total|bucket|count|sum)$")


def promtool(*arguments: str | Path) -> str:
    """Runs it; what it says where it finds no fault."""
    if shutil.which("promtool") is None:
        pytest.skip("no promtool; Debian has it in prometheus")
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_alert_fires_where_it_should_and_only_there() -> None:
    """Told by two histories: a quiet one, and one in which everything is wrong."""
    assert "17 rules found" in promtool("check", "rules", ALERTS)
    promtool("test", "rules", TESTS)
    alerts = set(re.findall(r"alert: (\w+)", ALERTS.read_text()))
    assert alerts == set(re.findall(r"alertname: (\w+)\n +exp_alerts", TESTS.read_text()))


def test_the_dashboard_asks_what_prometheus_understands(tmp_path: Path) -> None:
    """Its queries, with the variables as one who has chosen nothing has them."""
    rules = [
        {"record": f"panel:{number}", "expr": re.sub(r"\$\w+", ".*", query)}
        for number, query in enumerate(_queries())
    ]
    assert len(rules) > 10
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", file)


@pytest.mark.parametrize("text", [ALERTS.read_text(), DASHBOARD.read_text(), TESTS.read_text()])
def test_only_what_is_told_is_asked_for(text: str) -> None:
    """A figure that is renamed is renamed here."""
    asked = {_SUFFIX.sub("", name) for name in _NAME.findall(text)}
    assert asked
    assert asked <= TOLD.keys(), asked - TOLD.keys()


def test_the_guide_names_each_figure() -> None:
    """With its labels, and no other."""
    rows = re.findall(r"^\| `(envmgr_[a-z_]+)` \| ([^|]*)\|", GUIDE.read_text(), re.MULTILINE)
    told = {_SUFFIX.sub("", name): tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    assert told == TOLD


def _queries() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])
