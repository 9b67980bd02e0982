"""The environment of a step: what it is given, and of envmgr's own only how to reach things."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from envmgr.host.children.environment import check_lengths, fitting
from envmgr.ports import RUN_MARK, Place


def step_environment(
    place: Place, own: Mapping[str, str], inherits: Sequence[str], log: Path
) -> dict[str, str]:
    """All environment variables of a step; `own` is envmgr's, `log` the run's log, by which it is known again.

    Of envmgr's it `inherits` those of some names. Outputs that no process can be given are left out; NeedsPerson for any other variable of that kind.
    """
    check_lengths(place.environment)
    given = {
        **{name: own[name] for name in inherits if name in own},
        **place.environment,
        "HOME": str(place.home),
        "TMPDIR": str(place.temporary),
        "XDG_CACHE_HOME": str(place.cache),
        RUN_MARK: str(log),
    }
    # The given ones win: no output takes the place of what a step is told about itself.
    return {**fitting(place.outputs, given), **given}
