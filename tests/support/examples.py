"""How many examples a property test looks at: all of them in the whole suite, a tenth in the quick ring."""

import os

QUICK = os.environ.get("HYPOTHESIS_PROFILE") == "quick"
"""Whether `make quick` asks, which is to answer within a minute."""


def examples(most: int) -> int:
    """`most`, or in the quick ring a tenth of it; never none."""
    return max(1, most // 10) if QUICK else most
