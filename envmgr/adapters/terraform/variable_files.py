"""The files in which a branch gives values to its own variables, which beat environment variables."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from envmgr.domain.errors import NeedsPerson

_PREFIX = "TF_VAR_"
_NAMES = ("terraform.tfvars", "terraform.tfvars.json")
_SUFFIXES = (".auto.tfvars", ".auto.tfvars.json")
_LARGEST = 1024 * 1024
_COMMENT = r"(?:/\*.*?\*/)"
_REMARK = re.compile(r"^[^\S\n]*(?:#|//).*$", re.MULTILINE)


def _files(root: Path) -> list[Path]:
    """The files of a root that Terraform reads by itself."""
    return sorted(p for p in root.iterdir() if p.name in _NAMES or p.name.endswith(_SUFFIXES))


def check_leave(root: Path, environment: Iterable[str]) -> None:
    """Raises NeedsPerson where a file sets a variable that the organization gives by one of its environment variables.

    These can't be given as values that win: what they are depends on how the variable is declared.
    """
    ours = [name.removeprefix(_PREFIX) for name in environment if name.startswith(_PREFIX)]
    for path in _files(root) if ours else ():
        for name in _set_in(path, ours):
            raise NeedsPerson(
                f"{path.name} sets the variable {name}, which the organization gives as {_PREFIX}{name}: remove it there."
            )


def _set_in(path: Path, names: Iterable[str]) -> Iterator[str]:
    """Those of some variables that a file sets; in doubt it does."""
    if not path.is_file() or path.stat().st_size > _LARGEST:
        raise NeedsPerson(
            f"{path.name} in the Terraform folder is not a regular file of at most 1 MiB: make it one."
        )
    text = path.read_bytes().decode("utf-8-sig", "replace")
    if path.name.endswith(".json"):
        keys = _keys(text)
        yield from (name for name in names if name in keys)
        return
    text = _REMARK.sub("", text)
    for name in names:
        if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])\s*{_COMMENT}*\s*=", text, re.DOTALL):
            yield name


def _keys(text: str) -> set[str]:
    """The keys at the top of a JSON document; none of what is no JSON, as it is none for Terraform either."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return set()
    return set(document) if isinstance(document, dict) else set()
