"""Names: what any branch becomes, and what it can never become."""

import hashlib
import random
import re
import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from envmgr.adapters.git.refs import _matcher
from envmgr.domain.values.names import (
    EnvironmentId,
    branch_hash,
    environment_name,
    excluding,
    known_names,
    matched_part,
    matches_any,
    ref_component,
)
from tests.unit.domain_example import FIXED

NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
SURROGATES = st.characters(categories=["Cs"])
ANY_TEXT = st.text(st.characters() | SURROGATES | st.sampled_from("-/.*\n\r\t\0 '\"$()`\\ÄßİK"), max_size=250)
SLUGS = st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True)
PIECES = st.text(st.sampled_from("aé-/\n."), max_size=4)
GLOBS = st.lists(PIECES, min_size=1, max_size=5).map("*".join)


def by_expression(branch: str, pattern: str) -> bool:
    """Whether a pattern matches, by the definition: each `*` is any run of characters."""
    expression = ".*".join(map(re.escape, re.split(r"\*+", pattern)))
    return re.fullmatch(expression, branch, re.DOTALL) is not None


@given(ANY_TEXT, st.sampled_from(["env-*", "*", "env-*-x", "*/*", "env-**", "env-*-*-*"]))
@FIXED
@example("", "env-*")
@example("x" * 250, "env-*")
@example("../../etc", "env-*")
def test_any_branch_gives_a_name_that_is_safe_everywhere(text: str, pattern: str) -> None:
    pieces = pattern.split("*")
    branch = text.join(pieces)
    name = environment_name(branch, (pattern,))
    assert name is not None
    assert NAME.fullmatch(name)
    assert not name.endswith("-")
    key = EnvironmentId("acme", "shop", name).state_key
    assert key == f"acme/shop/{name}/terraform.tfstate"
    assert re.fullmatch(r"[a-z0-9/-]+/terraform\.tfstate", key)


@given(SLUGS)
@FIXED
def test_a_slug_stays_as_it_is(slug: str) -> None:
    assume(not re.search("-([0-9a-f]{6})?$", slug))
    assert environment_name(f"env-{slug}", ("env-*",)) == slug
    assert environment_name(slug, (slug,)) == slug


@given(ANY_TEXT)
@FIXED
def test_what_is_lost_is_made_up_for_by_the_hash(text: str) -> None:
    name = environment_name(f"env-{text}", ("env-*",))
    assert name is not None
    assert name == text or name.endswith(f"-{branch_hash(f'env-{text}')}")


# Texts that a careless slug maps to one another.
ALIKE = st.text(st.sampled_from("aAäÄ-_/. "), max_size=40)


@given(ALIKE, ALIKE, st.sampled_from(["env-*", "*", "env-*-z", "*a*"]))
@FIXED
@example("a/b", "a.b", "env-*")
@example("", "-", "env-*")
@example("a" * 33, "a" * 34, "env-*")
@example("A", "a", "env-*")
def test_two_branches_of_one_pattern_have_two_names(one: str, other: str, pattern: str) -> None:
    branches = {text.join(pattern.split("*")) for text in (one, other)}
    names = {environment_name(branch, (pattern,)) for branch in branches}
    assert len(names) == len(branches)


@pytest.mark.parametrize(
    ("branch", "patterns", "name"),
    [
        ("env-alice", ("env-*",), "alice"),
        ("env-a--b", ("env-*",), "a--b"),
        ("env-a--b-", ("env-*",), "a-b-784d1e"),
        ("preview", ("preview",), "preview"),
        ("env-Alice", ("env-*",), "alice-ae6907"),
        ("env-a_b", ("env-*",), "a-b-4ad4ae"),
        ("env-123", ("env-*",), "e-123-b5e62f"),
        ("env-", ("env-*",), "e-a4561e"),
        ("env-../../x", ("env-*",), "x-c4d23b"),
        ("env-größe", ("env-*",), "gr-e-0c51b9"),
        ("env-" + "x" * 33, ("env-*",), "x" * 25 + "-657af3"),
        ("feature/a-b/c", ("feature/*/*",), "a-b-c-7ab2a5"),
        ("env-a", ("team-*", "env-*"), "a"),
    ],
)
def test_names_are_stable(branch: str, patterns: tuple[str, ...], name: str) -> None:
    assert environment_name(branch, patterns) == name


def test_the_first_pattern_that_matches_decides() -> None:
    assert environment_name("env-team-a", ("env-team-*", "env-*")) == "a"
    assert environment_name("env-team-a", ("env-*", "env-team-*")) == "team-a"


def test_the_hash_is_that_of_the_whole_branch() -> None:
    assert branch_hash("env-größe") == hashlib.sha256("env-größe".encode()).hexdigest()[:6]


@pytest.mark.parametrize("branch", ["\ud800", "env-\udfff"])
def test_text_that_is_no_unicode_has_a_hash_too(branch: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{6}", branch_hash(branch))


@given(PIECES | ANY_TEXT, GLOBS)
@FIXED
@example("aXbXc", "a*X*c")
@example("ab", "ab*b")
@example("aa", "a*a*a")
def test_a_pattern_matches_as_its_definition_says(branch: str, pattern: str) -> None:
    assert (matched_part(branch, pattern) is not None) == by_expression(branch, pattern)


@given(st.lists(PIECES, min_size=2, max_size=5), st.lists(PIECES, min_size=4, max_size=4))
@FIXED
def test_the_matched_parts_put_the_branch_together_again(pieces: list[str], fills: list[str]) -> None:
    branch = pieces[0] + "".join(f + p for f, p in zip(fills, pieces[1:], strict=False))
    parts = matched_part(branch, "*".join(pieces))
    assert parts is not None
    assert pieces[0] + "".join(f + p for f, p in zip(parts, pieces[1:], strict=True)) == branch


@pytest.mark.parametrize(
    ("branch", "pattern"),
    [("team/env-1", "env-*"), ("env", "env-*"), ("env-a\n", "env-a"), ("Env-a", "env-*"), ("envxa", "env.a")],
)
def test_what_a_pattern_does_not_match(branch: str, pattern: str) -> None:
    assert matched_part(branch, pattern) is None
    assert environment_name(branch, (pattern,)) is None
    assert not matches_any(branch, (pattern,))


def test_a_star_matches_slashes_and_line_ends() -> None:
    assert matched_part("env-a/b\nc", "env-*") == ("a/b\nc",)


def test_no_branch_makes_matching_slow() -> None:
    began = time.process_time()
    assert matched_part("-" * 250, "-*" * 8 + "x") is None
    assert time.process_time() - began < 0.1


@given(ANY_TEXT)
@FIXED
def test_a_branch_is_shown_without_control_characters(branch: str) -> None:
    shown = ref_component(branch)
    assert shown.isprintable()
    shown.encode()
    if branch.isprintable():
        assert shown == branch


def test_an_escape_sequence_is_shown_not_sent() -> None:
    assert ref_component("env-\x1b[31mred\u202e") == "env-\\x1b[31mred\\u202e"


@given(SLUGS, SLUGS, SLUGS)
@FIXED
def test_an_id_reads_what_it_wrote(organization: str, repository: str, name: str) -> None:
    identity = EnvironmentId(organization, repository, name)
    assert EnvironmentId.parse(str(identity)) == identity
    assert str(identity.repository_id) == f"{organization}/{repository}"


@pytest.mark.parametrize("text", ["", "alice", "shop/alice", "acme/shop/a/b"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unpack"):
        EnvironmentId.parse(text)


def test_the_shape_of_a_name_with_a_hash_is_no_branchs_own() -> None:
    """It could take the name that another branch has; what had such a name before keeps it."""
    name = environment_name("env-größe", ("env-*",))
    assert name == "gr-e-0c51b9"
    other = environment_name(f"env-{name}", ("env-*",))
    assert other == f"{name}-{branch_hash(f'env-{name}')}"
    assert known_names(f"env-{name}", ("env-*",)) == {name, other}
    assert known_names("env-größe", ("env-*",)) == {name}
    assert known_names("main", ("env-*",)) == frozenset()


def test_a_hyphen_at_the_end_makes_no_dns_label() -> None:
    """What had such a name before keeps it."""
    name = environment_name("env-foo-", ("env-*",))
    assert name == f"foo-{branch_hash('env-foo-')}"
    assert known_names("env-foo-", ("env-*",)) == {name, "foo-"}
    assert known_names("env-foo", ("env-*",)) == {"foo"}
    assert known_names("a-b", ("*-*",)) == {environment_name("a-b", ("*-*",))}


@given(st.lists(GLOBS, min_size=1, max_size=3), st.lists(GLOBS, max_size=3), PIECES, st.randoms())
@FIXED
@example(["env-*"], ["env-skip"], "env-skip", random.Random(0))
def test_an_exclusion_counts_wherever_it_stands(
    wanted: list[str], excluded: list[str], branch: str, order: random.Random
) -> None:
    patterns = [*wanted, *(f"!{pattern}" for pattern in excluded)]
    order.shuffle(patterns)
    is_wanted = any(by_expression(branch, p) for p in wanted if not p.startswith("!"))
    is_excluded = any(by_expression(branch, p) for p in excluded)
    assert matches_any(branch, tuple(patterns)) == (is_wanted and not is_excluded)
    assert (environment_name(branch, tuple(patterns)) is not None) == (is_wanted and not is_excluded)
    assert bool(_matcher(tuple(patterns))(branch)) == (is_wanted and not is_excluded)


def test_what_is_excluded_is_no_environment() -> None:
    patterns = ("!env-skip", "env-*", "!env-tmp-*")
    assert environment_name("env-alice", patterns) == "alice"
    assert environment_name("env-skip", patterns) is None
    assert excluding("env-tmp-1", patterns) == "!env-tmp-*"
    assert excluding("env-alice", patterns) is None
