"""What a reload cannot change stays as it was, and is said."""

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from envmgr.composition.compose import Start, compose
from envmgr.composition.started import FIXED, in_force
from envmgr.config.sections.secrets import SecretReference
from envmgr.config.settings import Settings

OTHER: dict[str, object] = {
    "database": SecretReference("systemd", "envmgr-database"),
    "queue": "procrastinate",
    "log_level": "debug",
}


@pytest.mark.parametrize("names", [["queue"], ["log_level"], ["database", "queue"], FIXED])
def test_what_takes_a_restart_is_named_and_stays(names: list[str]) -> None:
    """However often it is reloaded; what the database is called is not told."""
    before, found = Settings(), Settings(**{name: OTHER[name] for name in names})  # type: ignore[arg-type]
    with capture_logs() as said:
        assert in_force(in_force(before, found), found) == before
    assert [each["action"] for each in said] == ["needs-restart"] * 2
    named, _, _ = said[0]["event"].partition(" changed in the settings")
    assert named == " and ".join(f"daemon.{name}" for name in names)
    assert "envmgr-database" not in str(said)


def test_all_else_is_as_the_file_has_it() -> None:
    """At once, without a word; so it is at the start."""
    found = Settings(poll_workers=3, disk_reserve=1)
    with capture_logs() as said:
        assert in_force(Settings(), found) == found
        assert in_force(None, Settings(queue="procrastinate")).queue == "procrastinate"
    assert said == []


def test_a_reload_asks_what_it_may_change(tmp_path: Path) -> None:
    """The settings of the start are remembered, through as many reloads as there are."""
    shop = {"name": "shop", "url": "/srv/git/shop.git"}
    (tmp_path / "acme.yaml").write_text(json.dumps({"organization": "acme", "repositories": [shop]}))
    start = Start(config=tmp_path, data_dir=tmp_path / "data", actor="daemon", environ={})
    made = compose(start)
    try:
        settings = json.dumps({"daemon": {"log_level": "error", "poll_workers": 3}})
        (tmp_path / "daemon.yaml").write_text(settings)
        with capture_logs() as said:
            made = compose(start, compose(start, made))
        assert [each["action"] for each in said].count("needs-restart") == 2
        assert (made.settings.log_level, made.settings.poll_workers) == ("info", 3)
    finally:
        made.close()
