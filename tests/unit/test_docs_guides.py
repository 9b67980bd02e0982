"""What the guides draw and let people paste is so; what they say to type is looked at beside README."""

import json
import re

from envmgr.domain.values.environment import Status
from tests.unit.documents_example import CHECKOUT, DOCS, TEXTS, blocks

LIFE = TEXTS["docs/concepts/life-of-an-environment.md"]
NAMED_OTHERWISE = {
    "head_bucket": "listbucket",
    "list_objects_v2": "listbucket",
    "put_public_access_block": "putbucketpublicaccessblock",
}
ONE_OF_ANOTHER = {"get_paginator", "head_object"}  # `GetObject` lets in whoever asks for an object's head


def test_the_drawing_of_a_life_has_every_status_and_no_other() -> None:
    """As the table below it."""
    drawing = (DOCS / "concepts/life.svg").read_text(encoding="utf-8")
    drawn = re.findall(r'class="status"[^>]*>(\w+)<', drawing)
    listed = re.findall(r"^\| `(\w+)` \|", LIFE, re.MULTILINE)
    assert sorted(drawn) == sorted(listed) == sorted(Status)


def allowed() -> set[str]:
    """The actions that Permissions names, in its policies or beside them, without their service, in lower case."""
    page = TEXTS["docs/guides/permissions.md"]
    return {action.lower() for action in re.findall(r"\b(?:s3|tag|[a-z0-9-]+):([A-Z]\w+)", page)}


def test_the_policies_are_json() -> None:
    """As AWS takes it."""
    pasted = [json.loads(body) for where, body in blocks("json") if "guides/permissions" in where]
    assert all(set(one) == {"Version", "Statement"} for one in pasted)
    assert len(pasted) == 6


def called() -> set[str]:
    """What the store and the cloud on AWS are asked by boto3."""
    found: set[str] = set()
    for path in ("state/s3.py", "cloud/aws.py"):
        code = (CHECKOUT / "envmgr/adapters" / path).read_text(encoding="utf-8")
        found |= set(
            re.findall(r"\.((?:get|put|list|head|delete|describe|create)_\w+)\(\s*(?:[A-Z]|\*\*)", code)
        )
        found |= set(re.findall(r'get_paginator\("(\w+)"\)', code))
    return found


def test_the_policies_allow_every_call_of_the_store_and_the_cloud() -> None:
    """A call whose right has another name is looked up."""
    asked = called() - ONE_OF_ANOTHER
    assert {
        call for call in asked if NAMED_OTHERWISE.get(call, call.replace("_", "")) not in allowed()
    } == set()
    assert len(asked) > 8
