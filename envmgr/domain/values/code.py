"""Which files of a folder are Terraform code."""

from collections.abc import Collection

_SUFFIXES = (".tf", ".tf.json", ".tofu", ".tofu.json")
_OPENTOFUS = (".tofu", ".tofu.json")


def is_code(name: str) -> bool:
    """Whether a file of this name is code of Terraform's or OpenTofu's."""
    return name.endswith(_SUFFIXES)


def is_opentofus(name: str) -> bool:
    """Whether a file of this name is code that OpenTofu alone reads."""
    return name.endswith(_OPENTOFUS)


def instead_of(name: str) -> str:
    """The name of the file that OpenTofu reads in place of one: `main.tofu` where there is a `main.tf`."""
    stem, dot, rest = name.rpartition(".tf")
    return f"{stem}.tofu{rest}" if dot and not is_opentofus(name) else name


def read_by_opentofu(names: Collection[str]) -> list[str]:
    """Of a folder's files the code that OpenTofu reads, in the order of their names."""
    read = {name for name in names if is_code(name) and not _is_hidden(name)}
    return sorted(name for name in read if is_opentofus(name) or instead_of(name) not in read)


def read_by_terraform(names: Collection[str]) -> list[str]:
    """Of a folder's files the code that Terraform reads, in the order of their names."""
    return sorted(n for n in names if is_code(n) and not is_opentofus(n) and not _is_hidden(n))


def _is_hidden(name: str) -> bool:
    """Whether both pass a file by, as what an editor left."""
    return name.startswith(".")
