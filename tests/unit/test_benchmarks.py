"""What the benchmarks conclude from their figures; the figures themselves are `make bench`'s."""

import json
import os
import subprocess
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks import __main__ as bench
from tests.benchmarks import machine
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.cpu import Spent
from tests.benchmarks.idle_daemon import WINDOW, per_day
from tests.benchmarks.interleaving import interleaved, settled
from tests.benchmarks.table import render

figures = st.lists(st.floats(0.001, 1000), min_size=1, max_size=7).map(tuple)


def test_rounds_alternate_and_the_first_is_not_counted() -> None:
    """A B A B, so that a slow minute of the machine slows both."""
    order: list[str] = []

    def note(name: str, number: int) -> float:
        order.append(f"{name}{number}")
        return number * 10

    ours, by_hand = interleaved(2, lambda n: note("a", n), lambda n: note("b", n))

    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert ours == by_hand == (10, 20)


def test_pairs_are_taken_until_it_is_sure_and_who_goes_first_changes() -> None:
    """A B B A; where it stays unsure, the last word is that it is not settled."""
    order: list[str] = []

    def pairs(ours: float, by_hand: float) -> list[Comparison]:
        def work(name: str, figure: float) -> Callable[[int], dict[str, float]]:
            def once(number: int) -> dict[str, float]:
                order.append(f"{name}{number}")
                return {"x": figure + number % 2 * 0.01}

            return once

        return settled(_compared, (work("a", ours), work("b", by_hand)), (2, 20))

    [sure] = pairs(1.0, 1.5)
    assert order[:6] == ["a0", "b0", "a1", "b1", "b2", "a2"]
    assert (len(sure.ours), sure.verdict) == (8, "reached")
    assert [each.verdict for each in pairs(1.5, 1.0)] == ["falls short"]
    [unsure] = settled(
        _compared,
        (lambda number: {"x": 1.0 + number % 2 * 0.1}, lambda _: {"x": 1.0}),
        (2, 20),
    )
    assert (len(unsure.ours), unsure.verdict, unsure.reached) == (20, "not settled", None)
    assert "the ratio of 20 pairs lies within 1.000x and 1.100x, 99 % sure" in render([unsure])


def _compared(name: str, ours: tuple[float, ...], by_hand: tuple[float, ...]) -> Comparison:
    return Comparison(name=name, unit="s", ours=ours, by_hand=by_hand, limit=1.03, paired=True, settles=True)


@given(st.lists(st.floats(0.5, 2), min_size=8, max_size=60).map(tuple))
def test_the_median_lies_in_its_interval(ratios: tuple[float, ...]) -> None:
    found = _compared("x", ratios, (1.0,) * len(ratios))
    assert found.ratio is not None
    assert found.interval is not None
    assert found.interval[0] <= found.ratio <= found.interval[1]
    assert Comparison.from_json(json.loads(json.dumps(found.as_json()))) == found


def test_a_ratio_is_of_the_medians() -> None:
    """One outlier on either side decides nothing."""
    found = Comparison(name="x", unit="s", ours=(1, 2, 90), by_hand=(4, 4, 400), limit=0.5)
    assert (found.ratio, found.reached, found.verdict, found.target) == (0.5, True, "reached", "≤ 0.50x")
    assert found.spread == (0.225, 0.5)


@pytest.mark.parametrize(("limit", "verdict"), [(149, "falls short"), (150, "reached"), (None, "")])
def test_an_absolute_limit_is_on_our_own_figure(limit: float | None, verdict: str) -> None:
    """What was done by hand beside it only informs."""
    found = Comparison(name="x", unit="ms", ours=(100, 150, 160), by_hand=(1,), limit=limit, relative=False)
    assert found.verdict == verdict


def test_a_ratio_to_nothing_is_refused() -> None:
    """A limit that could never fall short would say `reached` for ever."""
    found = Comparison(name="x", unit="s", ours=(1,), limit=1)
    with pytest.raises(ValueError, match="nothing done by hand"):
        _ = found.reached


@given(figures, figures, st.floats(0.01, 10))
def test_a_verdict_says_what_the_figures_say(
    ours: tuple[float, ...], by_hand: tuple[float, ...], limit: float
) -> None:
    """Slower than allowed is never `reached`; the table and the JSON agree."""
    found = Comparison(name="x", unit="s", ours=ours, by_hand=by_hand, limit=limit)
    assert found.ratio is not None
    assert found.reached == (found.ratio <= limit)
    assert render([found]).splitlines()[2].endswith(found.verdict)
    document = json.loads(json.dumps(found.as_json()))
    assert (document["reached"], document["ours"]) == (found.reached, list(ours))


def test_the_table_is_aligned_and_notes_follow() -> None:
    """One line each, whatever is missing."""
    lines = render(
        [
            Comparison(name="wall", unit="s", ours=(2,), by_hand=(4,), limit=0.4, note="how"),
            Comparison(name="processes", unit="", ours=(0,), limit=0, relative=False),
        ]
    ).splitlines()
    assert lines[0].split() == [
        "benchmark",
        "envmgr",
        "by",
        "hand",
        "ratio",
        "of",
        "single",
        "rounds",
        "target",
    ]
    assert lines[2].split() == [
        "wall",
        "2",
        "s",
        "4",
        "s",
        "0.50x",
        "0.50-0.50",
        "≤",
        "0.40x",
        "falls",
        "short",
    ]
    assert lines[3].split() == ["processes", "0", "≤", "0", "reached"]
    assert lines[0].index("target") == lines[2].index("≤") == lines[3].index("≤")
    assert lines[-1] == "* wall: how"


def test_the_machine_is_described_but_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table may be published."""
    monkeypatch.setattr("platform.release", lambda: "6.1.2-secret-host")
    told = machine.describe(None)
    assert "Linux 6.1.2;" in told
    assert "cores" in told
    assert "secret" not in told


def test_what_children_spent_is_read_whatever_the_program_is_called() -> None:
    """Its name is in parentheses and may hold some itself, and spaces: proc_pid_stat(5)."""
    rest = "S 1 7 7 0 -1 4194560 900 5200 3 0 31 12 250 50 20 0 9 0 12345 1 1"
    assert Spent.by_children(f"7 (a) S (b) {rest}", ticks=100) == Spent(3.0, 5200)


def test_a_process_of_ours_spent_what_it_says_itself() -> None:
    """The clock of a process is asked for by its number."""
    begin, before = time.process_time(), Spent.by(os.getpid())
    while time.process_time() - begin < 0.05:
        pass
    taken = Spent.by(os.getpid()) - before
    subprocess.run(["true"], check=True)
    after, end = Spent.by(os.getpid()) - before, time.process_time()
    assert 0.04 < taken.seconds <= end - begin
    assert after.faults_of_children > taken.faults_of_children


def test_a_window_is_extrapolated_to_a_day_for_each_environment() -> None:
    """One CPU second in the window for 200 environments."""
    assert per_day(1.0, 200) == pytest.approx(24 * 3600 / WINDOW / 200)


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["nothing"]])
def test_wrong_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is started."""
    with pytest.raises(SystemExit) as ended:
        bench.main(arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_ratio_of_pairs_is_that_of_single_rounds() -> None:
    """A machine that is slow for a while is so for both of a pair."""
    found = Comparison(name="x", unit="s", ours=(2, 20, 3), by_hand=(1, 10, 3), limit=2, paired=True)
    assert (found.ratio, found.reached) == (2, True)
