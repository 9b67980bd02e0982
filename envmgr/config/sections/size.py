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
    """Writes bytes in the unit that takes the fewest digits, and loses none: `500MB`, `4GiB`."""
    units = [(f"{p}{i}B", k ** _POWER[p]) for k, i in ((1000, ""), (1024, "i")) for p in ("T", "G", "M", "K")]
    fitting = [(size // unit, name) for name, unit in units if size and size % unit == 0]
    number, name = min(fitting, key=lambda found: found[0], default=(size, "B"))
    return f"{number}{name}"


def rounded_size(size: int) -> str:
    """Writes bytes for a sentence, rounded up to a hundredth of a unit, so that what is above a limit is seen to be."""
    for prefix in ("T", "G", "M", "K"):
        unit = 1000 ** _POWER[prefix]
        if size >= unit:
            return f"{-(-size * 100 // unit) / 100:g}{prefix}B"
    return f"{size}B"
