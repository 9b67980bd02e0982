"""What a piece of work hides only grows."""

from hypothesis import given
from hypothesis import strategies as st

from envmgr.config.sections.secrets import REDACTED, Redactor
from envmgr.engine.work.redaction import Redaction

SECRETS = st.lists(st.lists(st.sampled_from(["hunter2hunter2", "correct-horse", "battery-staple"])))


@given(SECRETS)
def test_what_was_hidden_once_stays_hidden(learned: list[list[str]]) -> None:
    """Whatever is learned, in whatever order: also with what was handed out before anything was known."""
    redaction = Redaction()
    handed_out = redaction.__call__
    for values in learned:
        redaction.learn(Redactor(values))
    for secret in {secret for values in learned for secret in values}:
        assert handed_out(f"a {secret} b") == f"a {REDACTED} b"


def test_what_nobody_called_secret_is_shown() -> None:
    """Nothing is hidden at first, and afterwards no more than was learned."""
    redaction = Redaction()
    assert redaction("correct-horse") == "correct-horse"
    redaction.learn(Redactor(["hunter2hunter2"]))
    assert redaction("correct-horse") == "correct-horse"
