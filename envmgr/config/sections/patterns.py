"""Texts that are as a pattern says."""

import re
from collections.abc import Callable


def matching(pattern: str, sentence: str) -> Callable[[str], str]:
    """A check that a text is as a pattern says; where it is not, a problem is said by the sentence."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(sentence)
        return value

    return check
