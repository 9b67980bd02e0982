"""What a comment asks for: one line, from its beginning, by a person; whatever else is in it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.access.comments import Said, Unclear, Verb, command_in
from envmgr.domain.rules.access.on_forge import asker_on, on_forge
from envmgr.domain.values.asking.person import Asker, Kind, Role
from envmgr.domain.values.forge import Comment, ForgeKind, ForgePerson, Permission
from envmgr.domain.values.names import RepositoryId
from tests.support.memory_forge import ALICE, OURS

SHOP = RepositoryId("acme", "shop")
FULL = "a" * 40
MEMBERS = {
    Role.VIEWER: ("permission:read",),
    Role.DEVELOPER: ("permission:write",),
    Role.APPROVER: ("carol", "sam", "kim", "strasser", "id:77"),
    Role.ADMIN: ("permission:admin",),
}


def comment(text: str, **changes: object) -> Comment:
    """A comment of Alice's."""
    made = Comment(id="1", author=ALICE, text=text, at=datetime(2026, 11, 26, tzinfo=UTC))
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/envmgr apply", Said(Verb.APPLY)),
        ("\n \n/envmgr   plan \r\nand more", Said(Verb.PLAN)),
        ("`/envmgr destroy`", Said(Verb.DESTROY)),
        ("/envmgr", Said(Verb.HELP)),
        ("/envmgr extend 3d", Said(Verb.EXTEND, "3d")),
        (f"/envmgr approve {FULL}", Said(Verb.APPROVE, FULL)),
        ("/envmgr approve", Said(Verb.APPROVE)),
        ("/envmgr approve 5d41402abc4b", Said(Verb.APPROVE, "5d41402abc4b")),
        ("/envmgr reject 5d41402abc4b", Said(Verb.REJECT, "5d41402abc4b")),
    ],
)
def test_a_command_is_the_first_line_that_is_not_blank(text: str, said: Said) -> None:
    """With one pair of backticks, as pasting leaves them."""
    assert command_in(comment(text)) == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "please /envmgr apply",
        "text\n/envmgr apply",
        "> /envmgr apply",
        "    /envmgr apply",
        "\t/envmgr apply",
        "```\n/envmgr apply\n```",
        "``/envmgr apply``",
        "/envmgrapply",
        "/ENVMGR apply",
        "<!-- x -->\n/envmgr apply",
    ],
)
def test_what_is_quoted_fenced_indented_or_further_down_is_none(text: str) -> None:
    """It is somebody's example, or talk."""
    assert command_in(comment(text)) is None


@pytest.mark.parametrize("changes", [{"is_edited": True}, {"is_reply": True}, {"author": OURS}])
def test_neither_edited_nor_replied_nor_by_a_bot(changes: dict[str, object]) -> None:
    """Whatever it says."""
    assert command_in(comment("/envmgr apply", **changes)) is None


@pytest.mark.parametrize(
    "text",
    [
        "/envmgr frobnicate",
        "/envmgr apply now",
        "/envmgr extend",
        "/envmgr extend 3d 4d",
        "/envmgr approve abcdef0",
        f"/envmgr approve {FULL} x",
        f"/envmgr reject {FULL}",
        "/envmgr reject 5D41402abc4b",
        "/envmgr apply 5d41402abc4b",
        "/envmgr suspend $(reboot)",
        "/envmgr extend " + "3" * 65,
        "/envmgr apply ; cat",
    ],
)
def test_what_is_not_understood_is_said_and_not_done(text: str) -> None:
    """Also signs that a shell would take for more."""
    assert isinstance(command_in(comment(text)), Unclear)


@given(st.text(max_size=200))
def test_no_text_is_more_than_a_verb_and_one_plain_argument(text: str) -> None:
    """Whatever stands there."""
    for each in (text, f"/envmgr {text}"):
        found = command_in(comment(each))
        if isinstance(found, Said):
            assert found.verb in Verb
            assert all(sign.isascii() and (sign.isalnum() or sign in "._/-") for sign in found.argument)


@pytest.mark.parametrize(
    ("person", "permission", "role"),
    [
        (ForgePerson("1", "zoe"), Permission.NONE, None),
        (ForgePerson("1", "zoe"), Permission.UNKNOWN, None),
        (ForgePerson("1", "zoe"), Permission.READ, Role.VIEWER),
        (ForgePerson("1", "zoe"), Permission.WRITE, Role.DEVELOPER),
        (ForgePerson("1", "zoe"), Permission.ADMIN, Role.ADMIN),
        (ForgePerson("1", "Carol"), Permission.NONE, Role.APPROVER),
        (ForgePerson("77", "zoe"), Permission.NONE, Role.APPROVER),
        (ForgePerson("1", "id:77"), Permission.NONE, None),
        (ForgePerson("1", "c\u0430rol"), Permission.NONE, None),
        (ForgePerson("1", "\uff43arol"), Permission.NONE, None),
        (ForgePerson("1", "carol\u200b"), Permission.NONE, None),
        (ForgePerson("1", "\u017fam"), Permission.NONE, None),
        (ForgePerson("1", "\u212aim"), Permission.NONE, None),
        (ForgePerson("1", "stra\u00dfer"), Permission.NONE, None),
        (ForgePerson("1", "permission:admin"), Permission.READ, Role.VIEWER),
        (ForgePerson("", "permission:write"), Permission.NONE, None),
    ],
)
def test_who_may_what(person: ForgePerson, permission: Permission, role: Role | None) -> None:
    """By login, ID and permission, the highest counts; no login passes for one of the others, however alike it looks."""
    asker = asker_on(ForgeKind.GITHUB, person, permission)
    assert on_forge(asker, SHOP, MEMBERS).role("acme", "shop") is role
    assert on_forge(asker, SHOP, MEMBERS).role("acme", "other") is None
    assert str(asker) == f"github:{person.login}"


def test_somebody_of_a_forge_is_none_of_the_host() -> None:
    """Though both are called by their name alone."""
    assert not on_forge(Asker(Kind.FORGE, "daemon"), SHOP, {}).is_on_host
