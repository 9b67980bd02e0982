"""The one comment of a pull request: what it tells, how it is cut, and that no stranger's text does anything in it."""

import re
from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.config.sections.secrets import Redactor
from envmgr.domain.rules.forge.comment import comment
from envmgr.domain.rules.forge.mark import carries, first_line, last_line, mark_of
from envmgr.domain.rules.forge.text import address, code, harmless, plain, size
from envmgr.domain.values.environment import Changes
from envmgr.domain.values.forge.shown import (
    AnswerShown,
    ApprovalShown,
    CommentStyle,
    EnvironmentShown,
    PlanShown,
    PullRequestShown,
    ResourceShown,
)
from envmgr.domain.values.pipeline.proposal import Checked, CheckOutcome
from tests.unit.domain_example import FIXED, NOW

MARK = mark_of("envmgr", "acme/shop")
GITHUB = CommentStyle()
GITLAB = CommentStyle(longest=1_000_000)
GITEA = CommentStyle(longest=65_535)
BITBUCKET = CommentStyle(longest=32_768, folds=False, hides=False)
AZURE = CommentStyle(longest=150_000)
STYLES = [GITHUB, GITLAB, GITEA, BITBUCKET, AZURE]
STYLE_NAMES = ["github", "gitlab", "gitea", "bitbucket", "azure-devops"]

PIECES = [
    "@everyone",
    "@org/team",
    "fixes #1",
    "!12",
    "/merge",
    "\n/close\n",
    "```",
    "````\n/approve",
    "`",
    "</details>",
    "<img src=https://evil.example/x.png>",
    "![x](https://evil.example/x.png)",
    "[x](https://evil.example)",
    "https://evil.example",
    "<!-- envmgr:v1 instance=0 -->",
    first_line(MARK),
    last_line(MARK),
    MARK,
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;https://evil\x07x",
    "\r",
    "\0",
    "\u202e",
    "\u200b",
    "\u2066",
    "\ufeff",
    "\x85",
    "\u2028",
    "|",
    "\\",
    "~~~",
    "<script>",
    "&lt;",
    "\ud800",
    "-->",
    "---",
    "# head",
    "* a",
    "1. a",
    "é😀",
]
HOSTILE = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=6).map("".join)


def shown_of(texts: Sequence[str], number: int) -> PullRequestShown:
    """A pull request whose every text is one of a stranger's, in turn; the number chooses what it has."""
    more = cycle(texts)

    def text() -> str:
        return next(more)

    resources = tuple(ResourceShown(text(), ("create", "delete", text())[n % 3]) for n in range(number % 5))
    log = "https://envmgr.example.com/runs/7" if number % 2 else ""
    changes = Changes(number % 3, number % 2, 0)
    plan = PlanShown(commit=text(), is_applied=number % 2 == 0, changes=changes, resources=resources, log=log)
    each = EnvironmentShown(
        label=text(),
        status=("ready", text())[number % 2],
        sentence=text(),
        url=text(),
        page="https://envmgr.example.com/environments/acme/shop/pr-7" if number % 3 else "",
        commit=text(),
        ends=NOW + timedelta(hours=number) if number % 5 else None,
        plan=plan,
        checks=tuple(Checked(text(), outcome, (text(),) * (number % 8)) for outcome in CheckOutcome),
        approval=ApprovalShown(by=(text(), text()), needed=2, role=text(), until=NOW),
    )
    return PullRequestShown(
        environments=(each,) * (number % 3),
        why=text(),
        mark=MARK,
        commands=number % 2 == 1,
        now=NOW,
        answers=(AnswerShown(verb=text(), by=text(), status="done", message=text()),) * (number % 4),
    )


SHOWN = st.builds(shown_of, st.lists(HOSTILE, min_size=1, max_size=7), st.integers(0, 119))


def spans_out(text: str) -> str:
    """What of a comment is Markdown: without blocks and spans of code, which must be closed."""
    kept, inside = [], False
    for line in text.split("\n"):
        if line.startswith("```"):
            inside = not inside
            continue
        if not inside:
            assert line.count("`") % 2 == 0, line
            kept.append(re.sub(r"`[^`]*`", "CODE", line))
    assert not inside, "a block of code is not closed"
    return "\n".join(kept)


def own(text: str, style: CommentStyle) -> str:
    """The Markdown without what only we put there."""
    bare = spans_out(text)
    for ours in (
        first_line(MARK) if style.hides else "",
        "<details>",
        "</details>",
        "<summary>",
        "</summary>",
    ):
        bare = bare.replace(ours, "") if ours else bare
    return re.sub(r"\]\(https?://[A-Za-z0-9./:_~=+%?&-]+\)", "]", bare)


@pytest.mark.parametrize("style", STYLES, ids=STYLE_NAMES)
@FIXED
@given(SHOWN)
def test_strangers_text_does_nothing(style: CommentStyle, shown: PullRequestShown) -> None:
    """It mentions nobody, ends no fence, is no command of the forge's, no HTML, link or image, and has no mark of ours."""
    text = comment(shown, style)
    assert not re.search(r"@\S", text.replace("@\u200b", ""))
    assert not re.search(r"[#!]\w", text)
    assert not [line for line in text.splitlines() if line.lstrip().startswith("/")]
    assert text == "".join(c for c in text if c == "\n" or plain(c) == c or c == "\u200b")
    assert text.count(MARK) == 1
    assert carries(text, MARK)
    bare = own(text, style)
    assert not re.search(r"[<>]|!\[|https?://|www\.", bare), bare
    assert bare.count("[") == bare.count("]")


@pytest.mark.parametrize("style", STYLES, ids=STYLE_NAMES)
@FIXED
@given(SHOWN)
def test_folds_are_closed_and_nothing_is_longer_than_a_forge_takes(
    style: CommentStyle, shown: PullRequestShown
) -> None:
    """Each `<details>` has its end, in its order; a forge that folds nothing gets none."""
    text = comment(shown, style)
    tags = re.findall(r"</?details>", spans_out(text))
    assert tags == ["<details>", "</details>"] * (len(tags) // 2)
    assert style.folds or not tags
    assert size(text) <= style.longest


@pytest.mark.parametrize("style", STYLES, ids=STYLE_NAMES)
def test_long_plans_are_cut_by_whole_resources(style: CommentStyle) -> None:
    """A thousand applications with long plans fit, and what is missing is said."""
    resources = tuple(ResourceShown(f"module.😀.aws_s3_bucket.b{n:05d}" * 30, "create") for n in range(1_500))
    plan = PlanShown(commit="a" * 40, is_applied=False, changes=Changes(add=1_500), resources=resources)
    long = EnvironmentShown(label="pr-7:api", status="failed", sentence="x" * 5_000, plan=plan)
    shown = PullRequestShown(environments=(long,) * 200, why="y" * 9_000, mark=MARK, commands=True, now=NOW)
    text = comment(shown, style)
    assert style.longest * 0.4 < size(text) <= style.longest
    spans_out(text)
    listed = [line for line in text.splitlines() if line.startswith("+ ")]
    assert listed
    assert set(listed) <= {f"+ {each.address}" for each in resources}
    assert f"{1_500 - _of_last(text)} more resources did not fit here" in text
    assert "160 more" in text


def _of_last(text: str) -> int:
    return next(
        n for n, line in enumerate(text.rsplit("```diff\n", maxsplit=1)[-1].splitlines()) if line == "```"
    )


@FIXED
@given(HOSTILE, st.text(alphabet="abc", min_size=4, max_size=9), st.sampled_from("@#|`<"))
def test_secrets_are_hidden_before_they_are_made_harmless(around: str, half: str, between: str) -> None:
    """A secret that has to be changed to be shown is found all the same."""
    secret = f"{half}{between}{half[::-1]}"
    shown = EnvironmentShown(
        label="pr-7", status="failed", sentence=f"{around} {secret} {around}", url=secret
    )
    text = comment(
        PullRequestShown(environments=(shown,), why=secret, mark=MARK, commands=False, now=NOW),
        GITHUB,
        Redactor([secret]),
    )
    assert text.count("redacted") >= 3
    assert harmless(secret) not in text
    assert secret.replace("|", "¦") not in text


def test_what_it_looks_like() -> None:
    """A usual one, as a whole."""
    plan = PlanShown(
        commit="ab12" * 10,
        is_applied=False,
        changes=Changes(1, 0, 1),
        resources=(
            ResourceShown("aws_s3_bucket.assets", "create"),
            ResourceShown("aws_sqs_queue.q", "delete"),
        ),
        log="https://envmgr.example.com/runs/7",
    )
    checks = (Checked("policy", CheckOutcome.WARNED, ("No tags.",)),)
    approval = ApprovalShown(by=("carol",), needed=2, role="approver", until=NOW, plan="5d41402abc4b")
    api = EnvironmentShown(
        label="pr-7:api",
        status="waiting",
        sentence="The plan waits for `envmgr approve`.",
        commit="ab12" * 10,
        ends=NOW + timedelta(days=3),
        plan=plan,
        checks=checks,
        approval=approval,
    )
    db = EnvironmentShown(label="pr-7:db", status="ready", url="https://db.example.com", commit="ab12" * 10)
    shown = PullRequestShown(environments=(db, api), why="", mark=MARK, commands=True, now=NOW)
    assert comment(shown, GITHUB) == (
        f"<!-- {MARK} -->\n"
        "### envmgr\n\n"
        "| Environment | Status | Address | Commit |\n|---|---|---|---|\n"
        "| `pr-7:db` | ✅ ready | [https://db.example.com](https://db.example.com) | `ab12ab12ab` |\n"
        "| `pr-7:api` | ✋ waiting |  | `ab12ab12ab` |\n\n"
        "**`pr-7:api`** `The plan waits for 'envmgr approve'.` It ends in 3 days (2026-01-08 12:00 UTC). "
        "1 of 2 approvals by `carol`, role `approver`, until 2026-01-05 12:00 UTC. "
        "To say yes to just this plan: `/envmgr approve 5d41402abc4b`.\n"
        "- Check `policy` ⚠️ warns: `No tags.`\n\n"
        "<details><summary>Plan for pr-7:api at ab12ab12ab: 1 to add, 0 to change, 1 to destroy</summary>\n\n"
        "```diff\n+ aws_s3_bucket.assets\n- aws_sqs_queue.q\n```\n\n"
        "[The log](https://envmgr.example.com/runs/7) has all of it.\n\n</details>\n\n"
        "Commands for those who may: `/envmgr plan` · `apply` · `destroy` · `approve` · `reject` · `extend 3d` · "
        "`suspend` · `resume` · `help`\n\n"
        "envmgr keeps this comment current."
    )


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (
            "https://pr-7.example.com/a?b=c&d=e",
            "[https://pr-7.example.com/a?b=c&d=e](https://pr-7.example.com/a?b=c&d=e)",
        ),
        ("javascript:alert(1)", "`javascript:alert(1)`"),
        ("https://user:pw@evil.example", "`https://user:pw@\u200bevil.example`"),
        ("https://a.example/)(b", "`https://a.example/)(b`"),
        ("https://a.example/\n/merge", "`https://a.example/ /merge`"),
        ("x|y", "`x¦y`"),
    ],
)
def test_only_what_is_plainly_an_address_is_a_link(given: str, shown: str) -> None:
    """All else stands there as text."""
    assert address(given) == shown


def test_a_text_says_when_a_life_ends_in_words_that_change_once_a_day() -> None:
    """Each change would be an edit."""

    def said(hours: float) -> str:
        one = EnvironmentShown(label="pr-7", status="ready", ends=NOW + timedelta(hours=hours))
        now = NOW
        return comment(
            PullRequestShown(environments=(one,), why="", mark=MARK, commands=False, now=now), GITHUB
        )

    assert "in 2 days" in said(40)
    assert "in 1 day (" in said(25)
    assert "It ends 2026-01-05 20:00 UTC." in said(8)
    assert "Its life ended" in said(-1)


def test_what_became_of_commands_is_said_once_also_of_what_was_none() -> None:
    """Of what began as a command and named no verb there is none to show, and what went well has no more to be said."""
    answers = (
        AnswerShown(verb="", by="github:alice", status="refused", message="That is no command."),
        AnswerShown(verb="resume", by="github:alice", status="done", message=""),
    )
    shown = PullRequestShown(environments=(), why="", mark=MARK, commands=False, now=NOW, answers=answers)
    assert [line for line in comment(shown, GITHUB).splitlines() if line.startswith("- ")] == [
        "- What was said by `github:alice`: refused. `That is no command.`",
        "- `resume` by `github:alice`: done.",
    ]


def test_nothing_is_said_of_nothing() -> None:
    """A span of nothing would be two marks that begin another."""
    assert code(" \x1b[0m\u200b ") == ""
