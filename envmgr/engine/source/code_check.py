"""What of a checkout Terraform would read, judged before it does: it takes some hundred times a file's size of memory."""

from collections import defaultdict
from pathlib import Path

from envmgr.config.sections.size import format_size, rounded_size
from envmgr.domain.errors import NeedsOperator, NeedsPerson
from envmgr.domain.values.code import is_code
from envmgr.domain.values.names import ref_component
from envmgr.host.leftovers import files
from envmgr.host.links import followed

_LOCK_FILE = ".terraform.lock.hcl"


def check_code(checkout: Path, largest: int) -> None:
    """Raises NeedsPerson for links to code outside the checkout, and for a folder with more than `largest` bytes of it.

    Links within the checkout are as good as files.
    """
    sizes: dict[Path, dict[Path, int]] = defaultdict(dict)
    here = checkout.resolve()
    for path in files(checkout):
        if path.is_symlink() and _leads_out(path, here) and (is_read(path.name) or _has_code(path)):
            raise NeedsPerson(
                f"{_shown(path, checkout)} is a link that leads out of the checkout, where Terraform would read what is "
                "not the branch's: commit the file or folder itself."
            )
        if is_read(path.name):
            sizes[path.parent][path] = _size(path)
    for folder, each in sizes.items():
        _check_size(checkout, folder, each, largest)


def is_read(name: str) -> bool:
    """Whether Terraform reads a file of this name by itself: code, values of variables, the lock file."""
    return is_code(name) or name.endswith((".tfvars", ".tfvars.json")) or name == _LOCK_FILE


def _check_size(checkout: Path, folder: Path, sizes: dict[Path, int], largest: int) -> None:
    total = sum(sizes.values())
    if total > largest:
        name = max(sizes, key=lambda path: sizes[path])
        raise NeedsOperator(
            f"The Terraform code in {_shown(folder, checkout)} has {rounded_size(total)}, and at most "
            f"{format_size(largest)} are read ({_shown(name, checkout)} has {rounded_size(sizes[name])}): make it smaller, or raise limits.terraform.code in the organization file."
        )


def _leads_out(path: Path, checkout: Path) -> bool:
    try:
        return not followed(path).is_relative_to(checkout)
    except OSError:  # in a circle
        return True


def _has_code(link: Path) -> bool:
    try:
        return link.is_dir() and any(is_code(path.name) for path in link.iterdir())
    except OSError:  # not ours to read, so neither Terraform's
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a link to nothing
        return 0


def _shown(path: Path, checkout: Path) -> str:
    return ref_component(str(path.relative_to(checkout)))
