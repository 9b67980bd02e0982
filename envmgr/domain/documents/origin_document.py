"""What an environment comes from, as a JSON document beside its state: said only of a pull request's, as the name tells the others."""

from collections.abc import Mapping
from typing import Any

from envmgr.domain.values.environment import FROM_BRANCH, Origin, OriginKind


def kept_origin(origin: Origin) -> Origin:
    """An origin as far as it is said in a document."""
    return origin if origin.kind is OriginKind.PULL_REQUEST else FROM_BRANCH


def origin_document(origin: Origin) -> dict[str, Any]:
    """The member of a document that says it; nothing where it comes from no pull request."""
    if origin.kind is not OriginKind.PULL_REQUEST:
        return {}
    return {"pull_request": {"number": origin.number, "url": origin.url, "ref": origin.ref}}


def parse_origin(document: Mapping[str, Any]) -> Origin:
    """What `origin_document` gave, from untrusted text; TypeError, KeyError or ValueError where it is none."""
    found = document.get("pull_request")  # which an earlier release did not write
    if found is None:
        return FROM_BRANCH
    number, url, ref = found["number"], found["url"], found["ref"]
    if type(number) is not int or number < 1 or not all(e is None or isinstance(e, str) for e in (url, ref)):
        raise ValueError
    return Origin(OriginKind.PULL_REQUEST, number=number, url=url, ref=ref)
