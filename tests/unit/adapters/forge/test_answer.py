"""Reading what a forge sent."""

from datetime import UTC, datetime

import pytest

from envmgr.adapters.forge.answer import Answer, Malformed, Object
from envmgr.adapters.forge.shortened import shortened

FOUND = {
    "title": "Change",
    "number": 7,
    "draft": True,
    "none": None,
    "user": {"id": 12, "login": "alice"},
    "labels": [{"name": "a"}, {"name": "b"}],
    "at": "2026-01-02T03:04:05+01:00",
    "naive": "2026-01-02T03:04:05",
    "long": "x" * 1_000_000,
}


def test_fields_are_found_by_their_way() -> None:
    """Texts, numbers, IDs, times and what is within."""
    found = Object(FOUND, "GitHub")
    assert (found.text("title"), found.number("number"), found.flag("draft")) == ("Change", 7, True)
    assert (found.id("user", "id"), found.inner("user").id("login")) == ("12", "alice")
    assert [each.text("name") for each in found.listed("labels")] == ["a", "b"]
    assert found.moment("at") == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert found.moment("naive") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (found.flag("none"), found.listed("none"), found.moment_or_none("none")) == (False, [], None)
    assert (found.text_or("-", "none"), found.text_or("-", "title")) == ("-", "Change")
    assert found.has("user", "login")
    assert not found.has("title", "deeper")
    assert len(found.text("long")) == 300_000


def test_what_is_not_there_or_is_something_else_is_no_answer() -> None:
    """Never taken for empty."""
    found = Object(FOUND, "GitHub")
    for ask in (
        lambda: found.text("number"),
        lambda: found.text("missing"),
        lambda: found.number("title"),
        lambda: found.number("draft"),
        lambda: found.flag("title"),
        lambda: found.moment("title"),
        lambda: found.inner("none"),
        lambda: found.listed("user"),
        lambda: Object([], "GitHub"),
        lambda: Object({"labels": [1]}, "GitHub").listed("labels"),
        lambda: _answer({"message": "no list"}).as_objects(),
        lambda: _answer([]).as_object(),
    ):
        with pytest.raises(Malformed, match="GitHub did not answer as it should"):
            ask()


def _answer(body: object) -> Answer:
    return Answer(status=200, headers={}, body=body, url="https://forge.example.com/x", where="GitHub")


def test_a_list_of_texts_is_one_throughout() -> None:
    """Empty where there is none."""
    found = Object({"labels": ["a", "b"], "mixed": ["a", 1], "none": None}, "GitLab")
    assert (found.texts("labels"), found.texts("none")) == (("a", "b"), ())
    with pytest.raises(Malformed):
        found.texts("mixed")


def test_a_sentence_is_cut_at_a_word() -> None:
    """And says so; one that fits stays as it is, on one line."""
    assert shortened("all\nis  well", 40) == "all is well"
    cut = shortened("Terraform could not plan: " + "the provider is missing, " * 20, 140)
    assert len(cut) <= 140
    assert cut.endswith("the provider is missing … see the log")
    assert shortened("x" * 200, 140) == "x" * 126 + " … see the log"
