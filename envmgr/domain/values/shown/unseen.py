"""Characters that nobody sees, by which a text would be shown as something else than it is."""

import unicodedata
from itertools import chain

_STEERING = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""Unicode's categories of controls, formats (bidi, zero width), surrogates, and separators of lines."""
# Of the code points that Unicode says are shown as nothing, those of other categories. The sixteen selectors that make
# an emoji one stay.
_NOTHING = frozenset(
    map(
        chr,
        chain(
            (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0),
            *(range(0x180B, 0x1810), range(0xFFF0, 0xFFF9), range(0xE0000, 0xE1000)),
        ),
    )
)


def is_unseen(character: str) -> bool:
    """Whether it steers a terminal, turns the reading order, parts lines, or is shown as nothing."""
    return unicodedata.category(character) in _STEERING or character in _NOTHING


def as_escape(character: str) -> str:
    r"""How such a character is shown: `\u202e`."""
    return character.encode("unicode_escape").decode()
