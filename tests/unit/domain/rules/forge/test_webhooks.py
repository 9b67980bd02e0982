"""Webhooks are of who knows the secret, and say nothing but which repository."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.forge.webhooks import SIGNED, TOLERANCE, Proof, is_of, named
from envmgr.domain.values.forge import ForgeKind
from tests.support import forges

EXTRACT: dict[str, Any] = json.loads(
    (Path(forges.__file__).parent / "extracts" / "webhooks.json").read_text(encoding="utf-8")
)
VECTORS = EXTRACT["test_vectors"]
SECRET, BODY = VECTORS["secret"], VECTORS["body"].encode()
SIGNED_AT = datetime.fromtimestamp(int(VECTORS["gitlab"]["webhook-timestamp"]), UTC)
BASIC = base64.b64encode(f"anybody:{SECRET}".encode()).decode()
GITLAB = {name: value for name, value in VECTORS["gitlab"].items() if name.startswith("webhook-")}
SIGNING_TOKEN = VECTORS["gitlab"]["signing_token"]
GENUINE = [
    (ForgeKind.GITHUB, SECRET, VECTORS["github"]),
    (ForgeKind.GITEA, SECRET, VECTORS["gitea"]),
    (ForgeKind.BITBUCKET, SECRET, VECTORS["bitbucket"]),
    (ForgeKind.GITLAB, SIGNING_TOKEN, GITLAB),
    (
        ForgeKind.GITLAB,
        SIGNING_TOKEN,
        {**GITLAB, "webhook-signature": f"v1,bm8= v2,x {GITLAB['webhook-signature']}"},
    ),
    (ForgeKind.GITLAB, SECRET, {"X-Gitlab-Token": SECRET}),
    (ForgeKind.AZURE_DEVOPS, SECRET, {"Authorization": f"Basic {BASIC}"}),
    (ForgeKind.AZURE_DEVOPS, SECRET, {"X-Envmgr-Secret": SECRET}),
]
SAME = VECTORS["github"]["X-Hub-Signature-256"]
BARE = VECTORS["gitea"]["X-Gitea-Signature"]
REFUSED = [
    (ForgeKind.GITHUB, SECRET, {"X-Hub-Signature-256": SAME.upper()}),
    (ForgeKind.GITHUB, SECRET, {"X-Hub-Signature-256": BARE}),
    (ForgeKind.GITHUB, SECRET, {"X-Hub-Signature-256": "sha256="}),
    (ForgeKind.GITHUB, SECRET, {"X-Hub-Signature": SAME}),  # that of Bitbucket, and once SHA-1
    (ForgeKind.GITHUB, "another", VECTORS["github"]),
    (
        ForgeKind.GITHUB,
        "",
        {"X-Hub-Signature-256": f"sha256={hmac.new(b'', BODY, hashlib.sha256).hexdigest()}"},
    ),
    (ForgeKind.GITEA, SECRET, {"X-Hub-Signature-256": SAME}),  # a Gitea sends GitHub's headers, too
    (ForgeKind.GITEA, SECRET, {"X-Gitea-Signature": ""}),
    (ForgeKind.GITEA, "", {"X-Gitea-Signature": hmac.new(b"", BODY, hashlib.sha256).hexdigest()}),
    (ForgeKind.BITBUCKET, SECRET, {"X-Hub-Signature-256": SAME}),
    (ForgeKind.BITBUCKET, SECRET, {}),
    (
        ForgeKind.GITLAB,
        SIGNING_TOKEN,
        {"X-Gitlab-Token": SIGNING_TOKEN},
    ),  # with a signing token each is signed
    (
        ForgeKind.GITLAB,
        SECRET,
        {**GITLAB, "X-Gitlab-Token": SECRET},
    ),  # one that is signed has to pass by that
    (ForgeKind.GITLAB, SIGNING_TOKEN, {**GITLAB, "webhook-id": "msg-0002"}),
    (ForgeKind.GITLAB, SIGNING_TOKEN, {**GITLAB, "webhook-timestamp": "1795166101"}),
    (ForgeKind.GITLAB, SIGNING_TOKEN, {**GITLAB, "webhook-timestamp": "١٧٩٥١٦٦١٠٠"}),
    (ForgeKind.GITLAB, SIGNING_TOKEN, {**GITLAB, "webhook-timestamp": "9" * 400}),
    (ForgeKind.GITLAB, SIGNING_TOKEN, {**GITLAB, "webhook-signature": ""}),
    (ForgeKind.GITLAB, "whsec_", GITLAB),
    (ForgeKind.GITLAB, "whsec_not base64!", GITLAB),
    (ForgeKind.GITLAB, SECRET, {"X-Gitlab-Token": ""}),
    (ForgeKind.GITLAB, SECRET, {}),
    (ForgeKind.AZURE_DEVOPS, SECRET, {"Authorization": f"Bearer {BASIC}"}),
    (ForgeKind.AZURE_DEVOPS, SECRET, {"Authorization": "Basic ???"}),
    (
        ForgeKind.AZURE_DEVOPS,
        SECRET,
        {"Authorization": f"Basic {base64.b64encode(SECRET.encode()).decode()}"},
    ),
    (
        ForgeKind.AZURE_DEVOPS,
        "",
        {"Authorization": f"Basic {base64.b64encode(b'x:').decode()}", "X-Envmgr-Secret": ""},
    ),
]


def holds(
    kind: ForgeKind, secret: str, headers: Mapping[str, str], body: bytes = BODY, now: datetime = SIGNED_AT
) -> bool:
    """Whether a webhook with this body is genuine; it comes in pieces."""
    proof = Proof(kind, secret, {name.lower(): value for name, value in headers.items()}, now)
    for start in range(0, len(body), 7):
        proof.feed(body[start : start + 7])
    return proof.holds


@pytest.mark.parametrize(("kind", "secret", "headers"), GENUINE)
def test_what_forges_publish_of_their_signatures_holds(
    kind: ForgeKind, secret: str, headers: Mapping[str, str]
) -> None:
    """And by no other secret; what is signed with no other body."""
    assert holds(kind, secret, headers)
    assert not holds(kind, f"{secret}A", headers)
    assert holds(kind, secret, headers, BODY + b" ") is not any("ignature" in name for name in headers)


def test_what_github_publishes() -> None:
    """The example of its documentation."""
    published = VECTORS["github_published"]
    assert holds(ForgeKind.GITHUB, published["secret"], published, published["body"].encode())


@pytest.mark.parametrize(("kind", "secret", "headers"), REFUSED)
def test_what_is_not_surely_genuine_is_refused(
    kind: ForgeKind, secret: str, headers: Mapping[str, str]
) -> None:
    """Empty secrets and signatures, another forge's header, a signed one that shows the secret besides."""
    assert not holds(kind, secret, headers)


@pytest.mark.parametrize(
    ("seconds", "is_genuine"),
    [(-TOLERANCE - 1, False), (-TOLERANCE, True), (TOLERANCE, True), (TOLERANCE + 1, False)],
)
def test_a_signed_time_is_near(seconds: int, is_genuine: bool) -> None:
    """Before and after, as clocks differ."""
    assert (
        holds(ForgeKind.GITLAB, SIGNING_TOKEN, GITLAB, now=SIGNED_AT + timedelta(seconds=seconds))
        is is_genuine
    )


@given(
    kind=st.sampled_from(ForgeKind),
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.just(SIGNED),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "x-hub-signature-256",
                "x-hub-signature",
                "x-gitea-signature",
                "webhook-signature",
                "webhook-id",
                "webhook-timestamp",
                "authorization",
            ]
        ),
        st.text(max_size=80) | st.sampled_from(["sha256=", "v1,", "Basic Og==", "0"]),
    ),
)
def test_nothing_made_up_is_genuine(kind: ForgeKind, secret: str, headers: Mapping[str, str]) -> None:
    """And none of it raises."""
    assert not holds(kind, secret, headers)


EVENTS = [
    (forge, event, each["example"])
    for forge, found in EXTRACT["forges"].items()
    for event, each in found["events"].items()
]
KINDS = {
    "bitbucket_cloud": ForgeKind.BITBUCKET,
    "bitbucket_data_center": ForgeKind.BITBUCKET,
    "azure_devops": ForgeKind.AZURE_DEVOPS,
}


@pytest.mark.parametrize(
    ("forge", "event", "example"), EVENTS, ids=lambda each: each if isinstance(each, str) else ""
)
def test_each_event_names_its_repository(forge: str, event: str, example: Mapping[str, object]) -> None:
    """And no other; a trial of Data Center names none."""
    kind = KINDS.get(forge) or ForgeKind(forge)
    names = named(kind, json.dumps(example).encode())
    assert names is not None
    assert is_of(kind, "Acme/Shop", names) == ((event, forge) != ("ping", "bitbucket_data_center"))
    assert not is_of(kind, "acme/shop2", names)
    assert not is_of(kind, "shop", names)


def test_azure_names_projects_and_repositories() -> None:
    """As an address of any form has them, also where both have the same name."""
    names = named(
        ForgeKind.AZURE_DEVOPS,
        json.dumps(
            {"resource": {"repository": {"name": "My Shop", "project": {"name": "My Shop"}}}}
        ).encode(),
    )
    assert names is not None
    for name in ("my shop/my shop", "My Shop/_git/My Shop", "_git/My Shop", "acme/My Shop/_git/My Shop"):
        assert is_of(ForgeKind.AZURE_DEVOPS, name, names), name
    assert not is_of(ForgeKind.AZURE_DEVOPS, "acme/My Shop", names)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"null", b"payload=%7B%7D", b"[" * 100_000, b"1" * 10_000, b'{"a":']
)
def test_what_cannot_be_read_names_nothing(body: bytes) -> None:
    """Whatever it is."""
    assert {named(kind, body) for kind in ForgeKind} == {None}


@given(
    kind=st.sampled_from(ForgeKind),
    document=st.recursive(
        st.none() | st.text(max_size=4) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    ["repository", "project", "full_name", "resource", "pullRequest", "toRef", "name"]
                ),
                inner,
            )
        ),
        max_leaves=12,
    ),
)
def test_any_document_is_read_without_harm(kind: ForgeKind, document: object) -> None:
    """It names texts, or nothing."""
    found = named(kind, json.dumps(document).encode())
    assert found is None or all(found)
