"""Sizes as people write them: `500MB`, `2GiB`."""

import re

PATTERN = r"[0-9]{1,9}(?:[KMGT]i?)?B"
_SIZE = re.compile(r"([0-9]{1,9})(?:([KMGT])(i?))?B", re.ASCII)
_POWER = {None: 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: str) -> int:
    """Reads a size into bytes; raises ValueError with a sentence that shows a right one."""
    found = _SIZE.fullmatch(text.strip().replace(" ", ""))
    if found is None:
        raise ValueError("it must be a size: a number and a unit, such as 500MB, 2GB or 1GiB")
    number, prefix, binary = found.groups()
    return int(number) * int((1024 if binary else 1000) ** _POWER[prefix])


def format_size(size: int) -> str:
    """Writes bytes in the largest unit that divides them, a decimal one where there is any: `500MB`, `4GiB`."""
    for thousand, binary in ((1000, ""), (1024, "i")):
        for prefix in ("T", "G", "M", "K"):
            unit = thousand ** _POWER[prefix]
            if size and size % unit == 0:
                return f"{size // unit}{prefix}{binary}B"
    return f"{size}B"
