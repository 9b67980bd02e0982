"""What is left of local environments: the folders that the module local-environment has marked as its own."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from envmgr.domain.audit.inventory import LOCAL_ROOT
from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.host.system import named_by

_MARK = "envmgr.json"
_DEPTH = 3  # organization, project, environment
_LIMIT = 64 * 1024


class LocalEnvironments:
    """The folders `<root>/<organization>/<project>/<environment>` with a mark, below one or several roots."""

    lag = timedelta(0)

    def __init__(self, roots: Mapping[str, bool], home: str | None) -> None:
        """`roots` as the module's variable has them, and whether something was made there, so that each must be there.

        `home` is what `~` means to Terraform.
        """
        self._roots = {_expanded(root or LOCAL_ROOT, home): must_be for root, must_be in roots.items()}

    def remaining(self, tags: Mapping[str, str]) -> Sequence[str]:
        """The folders whose mark has all of these tags."""
        return [folder for folder, _ in self.tagged(tags)]

    def tagged(self, tags: Mapping[str, str]) -> Sequence[tuple[str, Mapping[str, str]]]:
        """The folders whose mark has all of these tags, with their tags; a mark that cannot be read is an error."""
        if not tags:
            raise ValueError("without tags everything would count as left")
        found = [each for root, must_be in self._roots.items() for each in _marked(root, must_be)]
        return sorted((folder, carried) for folder, carried in found if carried.items() >= tags.items())


def _expanded(root: str, home: str | None) -> Path:
    if not root.startswith("~/"):
        return Path(root)
    if not home:
        raise NeedsPerson(
            f"Where {root} is cannot be known without HOME: set the variable `root` to an absolute folder."
        )
    return Path(home, root[2:])


def _marked(root: Path, must_be: bool) -> Iterator[tuple[str, Mapping[str, str]]]:
    try:
        if must_be and not root.is_dir():
            raise NeedsPerson(
                f"The folder of local environments {root} is missing: mount it, or create it again."
            )
        for folder in _folders(root, _DEPTH):
            tags = _tags_of(folder / _MARK)
            if tags is not None:
                yield str(folder), tags
    except PermissionError as error:
        raise NeedsPerson(f"envmgr may not read {named_by(error, root)}: check its owner.") from error
    except OSError as error:
        raise Transient(
            f"{named_by(error, root)} cannot be read now ({os.strerror(error.errno or 0)})."
        ) from error


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    """The folders so far below one; links are not followed, and what is gone meanwhile is gone."""
    if depth == 0:
        yield folder
        return
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return
    for name in names:
        yield from _folders(folder / name, depth - 1)


def _tags_of(mark: Path) -> Mapping[str, str] | None:
    """What a mark says, which anybody may have written; None where there is none."""
    try:
        with mark.open("rb") as file:
            text = file.read(_LIMIT)
    except FileNotFoundError:
        return None
    try:
        tags = json.loads(text)["tags"]
        return {str(name): str(value) for name, value in tags.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NeedsPerson(
            f"The mark {mark} cannot be read: apply its environment again, or delete it."
        ) from error
