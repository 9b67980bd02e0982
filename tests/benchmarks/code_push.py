"""A push of code only, until the new version answers."""

import shlex
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from envmgr.cli.demo import app as demo_app
from envmgr.cli.demo.servers import answer, end_servers, free_ports
from tests.benchmarks.by_hand import ByHand, run
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import interleaved
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.subject import Subject

_STOP = """cd "$ENVMGR_OUTPUT_DIRECTORY"
pid=$(cat app.pid || echo none)
while grep -qsF "$PWD" "/proc/$pid/cmdline"; do kill "$pid" || :; sleep 0.02; done"""
# This Python itself: what a version manager puts in its place would count on both sides.
_PYTHON = shlex.quote(sys.executable)
_CHECK = f"{_PYTHON} -m py_compile app.py"
# It serves as long as that file is there.
_START = f""": >"$ENVMGR_OUTPUT_DIRECTORY/serve"
setsid {_PYTHON} app.py "$ENVMGR_OUTPUT_DIRECTORY" >"$ENVMGR_OUTPUT_DIRECTORY/app.log" 2>&1 &
echo $! >"$ENVMGR_OUTPUT_DIRECTORY/app.pid" """
_STEPS = (("check", _CHECK), ("stop", _STOP), ("start", _START))
_CLONE = 'git clone --quiet --branch env-alice -- "$1" clone'
_DEPLOY = f"git -C clone fetch --quiet origin env-alice && git -C clone checkout --quiet --detach FETCH_HEAD\nset -eu\ncd clone\n{_CHECK}\n({_STOP})\n{_START}"
_PATIENCE = 60.0  # seconds
_LOOK = 0.01


def code_push(laboratory: Laboratory) -> list[Comparison]:
    """Seconds from the push to the new page: the poll that sees it, the deploy, and asking until it answers."""
    place = laboratory.place("code-push")
    ours, by_hand = free_ports(2)
    visitor = _Visitor()
    subject = Subject(place, terraform={"binary": laboratory.terraform})
    shop = subject.repository(
        terraform={"module": "local-environment"},
        variables={"root": str(place / "environments"), "port": ours},
        deploy=[{"name": name, "run": text} for name, text in _STEPS],
        health={"url": "{outputs.url}"},
    )
    shop.commit("env-alice", _app("none"))
    folder = place / "by-hand"
    person = ByHand(laboratory.terraform, {}).environment("alice")
    person |= {
        "ENVMGR_OUTPUT_URL": f"http://127.0.0.1:{by_hand}/",
        "ENVMGR_OUTPUT_DIRECTORY": str(folder),
    }

    def push_to_us(number: int) -> float:
        shop.commit("env-alice", _app(f"ours {number}"))
        return visitor.seconds(f"ours {number}", ours, subject.reconcile)

    def push_by_hand(number: int) -> float:
        shop.commit("env-alice", _app(f"by hand {number}"))
        return visitor.seconds(f"by hand {number}", by_hand, lambda: run(_DEPLOY, place, person))

    try:
        subject.reconcile()
        subject.ready("alice")
        folder.mkdir()
        (folder / "index.html").write_text("<main>\n</main>\n")
        run(_CLONE, place, person, shop.url)
        first, second = interleaved(laboratory.rounds, push_to_us, push_by_hand)
    finally:
        subject.close()
        visitor.close()
        end_servers(place)
    return [
        Comparison(
            name="push of code: until the new page answers",
            unit="s",
            ours=first,
            by_hand=second,
            limit=1.2,
            note="envmgr from the poll that sees it, by the steps check, stop and start and a health check; by hand: git fetch && git checkout && "
            "the same commands",
        )
    ]


def _app(news: str) -> dict[str, str]:
    """The demo's application with some news."""
    return {"app.py": Path(demo_app.__file__).read_text().replace(demo_app.NEWS, news)}


class _Visitor:
    """A process that asks for a page over and over."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"))

    def seconds(self, news: str, port: int, deploy: Callable[[], None]) -> float:
        """From the beginning of a deploy until the page says the news."""
        seen = self._pool.submit(_seen_at, news, port)
        begin = time.monotonic()
        deploy()
        return seen.result() - begin

    def close(self) -> None:
        """Ends it."""
        self._pool.shutdown()


def _seen_at(news: str, port: int) -> float:
    """When a page said the news, by the clock that all processes share."""
    end = time.monotonic() + _PATIENCE
    while news not in answer(f"http://127.0.0.1:{port}/"):
        if time.monotonic() > end:
            raise RuntimeError(f"nobody says {news!r} at port {port}")
        time.sleep(_LOOK)
    return time.monotonic()
