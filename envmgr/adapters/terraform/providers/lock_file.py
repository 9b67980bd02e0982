"""The text of a dependency lock file (`.terraform.lock.hcl`), as Terraform writes it."""

import re

_PROVIDER = re.compile(
    r'provider "(?P<source>[^"\n$%\\]+)" \{\n'
    r'  version +?= "(?P<version>[^"\n$%\\]+)"\n'
    r'(?:  constraints = "[^"\n]*"\n)?'
    r'(?P<hashes>  hashes = \[\n(?:    "[^"\n]*",\n)*  \]\n)?'
    r"\}\n"
)
_ELSE = re.compile(r"(?:#[^\n]*)?\n")


def without_hashes(text: str) -> str:
    """The same selections without checksums, so that Terraform need not read 700 MB to compare them again.

    Only the form that Terraform itself writes is understood; any other text comes back as it is.
    """
    parts: list[str] = []
    position = 0
    while position < len(text):
        provider = _PROVIDER.match(text, position)
        match = provider or _ELSE.match(text, position)
        if match is None:
            return text
        parts.append(_without(match) if provider else match[0])
        position = match.end()
    return "".join(parts)


def selections_of(text: str) -> list[tuple[str, ...]]:
    """The host, namespace, type and version of each provider that a lock file selects."""
    return [(*found["source"].split("/"), found["version"]) for found in _PROVIDER.finditer(text)]


def _without(match: re.Match[str]) -> str:
    hashes = match["hashes"]
    return match[0].replace(hashes, "", 1) if hashes else match[0]
