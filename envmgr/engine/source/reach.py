"""Whether Terraform code may read files outside its own folder."""

import re
from pathlib import Path

from envmgr.domain.values.code import is_code
from envmgr.host.leftovers import files

# `..` as a part of a path (`../x`, `"${path.module}/.."`, `cd ..`), or the function that leads there too.
_OUTSIDE = re.compile(rb"(?<![.\w])\.\.(?![.\w])|\bdirname\(")
_PROSE = (".md", ".txt")
# Larger code is not read, so it may reach anywhere; a larger script is taken for data, as most large files
# are.
_LARGEST_CODE = 16 * 1024 * 1024
_LARGEST_SCRIPT = 1024 * 1024


def reaches_outside(root: Path) -> bool:
    """Whether what is in a folder may lead to files outside it: by a path in a file, or by a symlink.

    In doubt it does. Scripts and templates count as code does; prose, and what is too large for a
    script, is data.
    """
    return any(path.is_symlink() or _leads_outside(path) for path in files(root))


def _leads_outside(path: Path) -> bool:
    size, code = path.stat().st_size, is_code(path.name) or ".tfvars" in path.name
    if code and size > _LARGEST_CODE:
        return True
    if not code and (size > _LARGEST_SCRIPT or path.name.endswith(_PROSE)):
        return False
    return _OUTSIDE.search(path.read_bytes()) is not None
