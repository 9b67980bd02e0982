"""How many examples a property test looks at: all of them in the whole suite, a tenth in the quick ring."""

import os

QUICK = os.environ.get("HYPOTHESIS_PROFILE") == "quick"
"""Whether `make quick` asks, which is to answer within a minute."""


def examples(most: int) -> int:
    """`most`, or in the quick ring a tenth of it; never none."""
    return max(1, most // 10) if QUICK else most


MANY = int(os.environ.get("ENVMGR_TEST_HISTORIES", "0"))
"""How many histories of the engine are told, where somebody asks for more of them: `make histories`."""


def histories(most: int) -> int:
    """As `examples`, unless `ENVMGR_TEST_HISTORIES` says a number."""
    return MANY or examples(most)
