"""An environment's own folders elsewhere on this host: what `cage.writable` opens to it, and to no other."""

from contextlib import suppress
from pathlib import Path

from envmgr.domain.values.cage import CageRules
from envmgr.domain.values.names import EnvironmentId
from envmgr.host.system import told


def made(rules: CageRules, environment: EnvironmentId) -> tuple[Path, ...]:
    """Those of an environment, made where one is missing: what is not there cannot be shown to a cage.

    Raises Transient, which says where, if one cannot be made.
    """
    folders = _folders(rules, environment)
    if rules.kind != "none":
        for folder in folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise told(error, "A folder of cage.writable cannot be made", folder) from error
    return folders


def leave(rules: CageRules, environment: EnvironmentId) -> None:
    """Takes away those that are empty: from within its cage an environment cannot remove the folder itself."""
    for folder in _folders(rules, environment):
        with suppress(OSError):  # what is in it is for who put it there
            folder.rmdir()


def _folders(rules: CageRules, environment: EnvironmentId) -> tuple[Path, ...]:
    own = Path(environment.organization, environment.repository, environment.component)
    return tuple(Path(place) / own for place in rules.writable)
