"""Sentences within the bounds of forges."""

from envmgr.domain.values.names import ref_component

_MORE = " … see the log"


def shortened(text: str, most: int) -> str:
    """A sentence on one line that hides nothing, cut to so many characters at a word's end where it is longer."""
    line = ref_component(" ".join(text.split()))
    if len(line) <= most:
        return line
    kept = line[: most - len(_MORE)]
    return kept.rpartition(" ")[0].rstrip(" .,;:") + _MORE if " " in kept else kept + _MORE
