"""`make bench`: measures envmgr against the same work done by hand, and prints one table."""

import argparse
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import structlog

from tests.benchmarks import changing_push, first_apply, server
from tests.benchmarks.after_restart import after_restart
from tests.benchmarks.audit import audit
from tests.benchmarks.bad_apple import bad_apple
from tests.benchmarks.burst import burst
from tests.benchmarks.caged import caged_code_push, caged_start, caged_terraform
from tests.benchmarks.code_push import code_push
from tests.benchmarks.command_line import command_line
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.database_load import database_load
from tests.benchmarks.deciding import deciding
from tests.benchmarks.drift_delay import drift_delay
from tests.benchmarks.forge_minute import forge_minute
from tests.benchmarks.forge_outage import forge_outage
from tests.benchmarks.hosts_burst import hosts_burst
from tests.benchmarks.idle_daemon import idle_daemon
from tests.benchmarks.idle_pass import idle_pass
from tests.benchmarks.idle_pass_https import idle_pass_https
from tests.benchmarks.laboratory import Absent, Laboratory
from tests.benchmarks.machine import describe
from tests.benchmarks.policies import policies
from tests.benchmarks.quiet_push import quiet_push
from tests.benchmarks.server_daemon import beside_a_daemon
from tests.benchmarks.shared_queue import shared_queue
from tests.benchmarks.site_bytes import site_bytes
from tests.benchmarks.table import render
from tests.benchmarks.thousand import thousand
from tests.benchmarks.webhooks import flood, webhook

BENCHMARKS: Mapping[str, Callable[[Laboratory], list[Comparison]]] = {
    "first-apply-aws": first_apply.on_aws,
    "first-apply-local": first_apply.locally,
    "quiet-push": quiet_push,
    "code-push": code_push,
    "changing-push-aws": changing_push.on_aws,
    "changing-push-local": changing_push.locally,
    "burst": burst,
    "idle-pass": idle_pass,
    "idle-pass-https": idle_pass_https,
    "idle-daemon": idle_daemon,
    "command-line": command_line,
    "bad-apple": bad_apple,
    "thousand": thousand,
    "audit": audit,
    "drift-delay": drift_delay,
    "site-bytes": site_bytes,
    "caged-start": caged_start,
    "caged-code-push": caged_code_push,
    "caged-terraform": caged_terraform,
    "server": server.server,
    "server-postgres": server.on_postgres,
    "server-daemon": beside_a_daemon,
    "forge-minute": forge_minute,
    "forge-outage": forge_outage,
    "webhook": webhook,
    "webhook-flood": flood,
    "database-load": database_load,
    "hosts-restart": after_restart,
    "hosts-queue": shared_queue,
    "hosts-burst": hosts_burst,
    "deciding": deciding,
    "policies": policies,
}


def main(arguments: Sequence[str]) -> int:
    """Runs what was asked for; 0 even where a target is not reached, since that is a finding."""
    options = _options().parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    about = describe(shutil.which("terraform"))
    found: list[Comparison] = []
    absent: list[str] = []
    with tempfile.TemporaryDirectory(prefix="envmgr-bench-") as folder:
        laboratory = Laboratory(Path(folder), options.rounds, is_full=options.full)
        try:
            for name in dict.fromkeys(chain.from_iterable(options.only)) or BENCHMARKS:
                print(f"{name} …", file=sys.stderr, flush=True)
                try:
                    found += BENCHMARKS[name](laboratory)
                except Absent as reason:
                    absent.append(f"{name}: not measured, {reason}")
        finally:
            laboratory.close()
    print("\n".join([about, f"Medians of {options.rounds} rounds, in turn.", "", render(found), *absent]))
    if options.json:
        report = {"machine": about, "rounds": options.rounds, "absent": absent}
        options.json.write_text(
            json.dumps({**report, "results": [c.as_json() for c in found]}, indent=2) + "\n"
        )
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "only",
        nargs="*",
        type=_some,
        metavar="NAME",
        help=f"only those that begin so, as in first-apply: {', '.join(BENCHMARKS)}",
    )
    parser.add_argument("--rounds", type=_at_least_one, default=5, help="rounds that are counted [5]")
    parser.add_argument("--full", action="store_true", help="`server` with ten times the runs and events")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures, for scripts")
    return parser


def _some(beginning: str) -> list[str]:
    """The benchmarks that a name, or a beginning of names, means."""
    found = [beginning] if beginning in BENCHMARKS else [n for n in BENCHMARKS if n.startswith(beginning)]
    if not found:
        raise argparse.ArgumentTypeError(f"no benchmark begins with {beginning!r}")
    return found


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one round is needed")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
