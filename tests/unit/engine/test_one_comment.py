"""One comment of ours: found again, edited, never two of it, and nobody else's touched."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.errors import Transient
from envmgr.domain.rules.forge.mark import first_line, last_line, mark_of
from envmgr.domain.values.forge import Comment, ForgePerson
from envmgr.domain.values.forge.telling import CommentText
from envmgr.engine.forge.comments import keep
from tests.support.memory_forge import ALICE, OURS, START, MemoryForge
from tests.unit.domain_example import FIXED

MARK = mark_of("envmgr", "acme/shop")
OTHER = mark_of("team-b", "acme/shop")


def text(said: str = "one", *, creates: bool = True) -> CommentText:
    """What it is to say."""
    return CommentText(number=7, text=f"{first_line(MARK)}\n{said}", mark=MARK, creates=creates)


def texts(forge: MemoryForge, author: ForgePerson = OURS) -> list[str]:
    """What somebody's comments say."""
    return [c.text for c in forge.texts.get(7, []) if c.author == author]


@pytest.fixture
def forge() -> MemoryForge:
    """With a comment of Alice's."""
    forge = MemoryForge()
    forge.says(7, "Looks good.")
    return forge


def test_it_is_made_once_and_edited_from_then_on(forge: MemoryForge) -> None:
    """With what is known of it, and without."""
    known = keep(forge, text("one"), "", OURS)
    assert keep(forge, text("two"), known, OURS) == known
    assert keep(forge, text("three"), "", OURS) == known
    assert texts(forge) == [text("three").text]
    assert forge.calls.count("create_comment") == 1


def test_one_that_is_gone_is_made_anew(forge: MemoryForge) -> None:
    """Somebody deleted it; what is only to be said where there is one is not said then."""
    known = keep(forge, text(), "", OURS)
    forge.delete_comment(7, known)
    assert keep(forge, text("over", creates=False), known, OURS) == ""
    assert texts(forge) == []
    assert keep(forge, text("two"), known, OURS) != ""
    assert texts(forge) == [text("two").text]


@pytest.mark.parametrize(
    "said", [first_line(MARK), last_line(MARK), f"x\n{last_line(MARK)}", f"  {first_line(MARK)}  \nx"]
)
def test_another_ones_comment_with_our_mark_is_never_touched(forge: MemoryForge, said: str) -> None:
    """Nor taken for ours; nor is that of another installation by the same account."""
    forge.says(7, said)
    forge.says(7, f"{first_line(OTHER)}\nother", OURS)
    forge.says(7, f"A plan with {MARK} in it\nand no more", OURS)
    before = list(forge.texts[7])
    keep(forge, text("one"), "", OURS)
    keep(forge, text("two"), "", OURS)
    assert forge.texts[7][: len(before)] == before
    assert [c.text for c in forge.texts[7][len(before) :]] == [text("two").text]


def test_two_at_one_moment_come_to_one(forge: MemoryForge) -> None:
    """The oldest stays, whoever made it."""

    class Racing(MemoryForge):
        def create_comment(self, number: int, text: str) -> str:
            if not texts(self):
                self.says(number, text.replace("mine", "theirs"), OURS)
            return super().create_comment(number, text)

    racing = Racing()
    known = keep(racing, text("mine"), "", OURS)
    assert texts(racing) == [text("mine").text]
    assert known == racing.texts[7][0].id


def test_a_lost_answer_makes_no_second_one(forge: MemoryForge) -> None:
    """It was made, and envmgr never heard of it."""

    class Lossy(MemoryForge):
        def create_comment(self, number: int, text: str) -> str:
            super().create_comment(number, text)
            raise Transient("cut")

    lossy = Lossy()
    for _ in range(3):
        with pytest.raises(Transient):
            keep(lossy, text(), "", OURS)
        keep(lossy, text("two"), "", OURS)
        assert texts(lossy) == [text("two").text]
        lossy.texts.clear()


@FIXED
@given(
    st.lists(
        st.tuples(st.sampled_from([ALICE, OURS]), st.sampled_from([MARK, OTHER, ""]), st.integers(0, 99)),
        max_size=8,
    )
)
def test_whatever_is_there_one_of_ours_is_left(found: Sequence[tuple[ForgePerson, str, int]]) -> None:
    """Once it had to be made; where one or more are there, the oldest of ours has the text, and all of others stays."""
    forge = MemoryForge()
    forge.texts[7] = [
        Comment(id=str(n), author=who, text=f"{first_line(mark)}\nx", at=START + timedelta(seconds=second))
        for n, (who, mark, second) in enumerate(found)
    ]
    of_others = [c for c in forge.texts[7] if c.author != OURS or first_line(MARK) not in c.text]
    own = sorted((c for c in forge.texts[7] if c not in of_others), key=lambda c: c.at)
    known = keep(forge, text("new"), "", OURS)
    assert [c for c in forge.texts[7] if c in of_others] == of_others
    assert next(c.text for c in forge.texts[7] if c.id == known) == text("new").text
    assert not own or known == own[0].id
    assert len(forge.texts[7]) == len(found) + (not own)
