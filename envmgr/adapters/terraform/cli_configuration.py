"""Terraform's CLI configuration: always the operator's file or ours, never one of a branch or of a home.

Without a `provider_installation` block Terraform would take providers from `terraform.d/plugins` in its working
folder, which is the branch's, and from folders of its user's home.
"""

import json
import re
from pathlib import Path

from envmgr.domain.errors import NeedsPerson
from envmgr.host.system import write_private

_NAME = "provider_installation"
_BLOCK = re.compile(rf'^[^\n#/]*\b{_NAME}"?\s*[{{:=]', re.MULTILINE)
_FOLDER = re.compile(r'^[^\n#]*\bpath"?\s*[=:]\s*"(/[^"\n]*)"', re.MULTILINE)
_DIRECT = f"{_NAME} {{\n  direct {{}}\n}}\n"


def cli_configuration(given: Path | None, folder: Path) -> Path:
    """The file to use: the given one where it says how providers are installed, else one in `folder` with that added.

    Raises NeedsPerson where the given one cannot be read.
    """
    text = _read(given) if given is not None else ""
    if given is not None and _BLOCK.search(text):
        return given
    path, wanted = folder / "terraform.rc", _with_installation(text)
    if not path.is_file() or path.read_text(errors="surrogateescape") != wanted:
        # Another Terraform may read it right now, and it may hold a registry's token.
        write_private(path, wanted, "Terraform's CLI configuration cannot be written")
    return path


def bare_configuration(folder: Path) -> Path:
    """A file in `folder` for what brings nothing from anywhere: it holds no registry's token."""
    path = folder / "bare.rc"
    if not path.is_file():
        write_private(path, _DIRECT, "Terraform's CLI configuration cannot be written")
    return path


def mirrors_in(path: Path) -> tuple[str, ...]:
    """The folders that a configuration takes providers from."""
    return tuple(_FOLDER.findall(_read(path)))


def _with_installation(text: str) -> str:
    """From the registries alone, as Terraform does it where it finds no folder of plugins."""
    if text.lstrip().startswith("{"):
        try:
            return json.dumps({**json.loads(text), _NAME: [{"direct": [{}]}]})
        except ValueError:
            return text  # Terraform says what is wrong with it
    return f"{text.rstrip()}\n\n{_DIRECT}" if text.strip() else _DIRECT


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="surrogateescape")
    except OSError as error:
        raise NeedsPerson(
            f"terraform.cli_config {path} cannot be read ({error.strerror}): correct the path or its permissions."
        ) from error
