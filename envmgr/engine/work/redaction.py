"""What is hidden in all that a piece of work says."""

from collections.abc import Sequence
from threading import Lock

from envmgr.config.sections.secrets import Redactor


class Redaction:
    """Hides what the work came to know as secret: it learns, and forgets nothing until the work ends.

    So whoever took it along before a secret was known hides that, too.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._known = Redactor(())
        self._learning = Lock()

    def learn(self, more: Redactor) -> None:
        """Hides from now on what `more` hides, besides all it hid before."""
        with self._learning:  # credentials are renewed beside the work
            self._known = self._known.joined(more)

    def learn_values(self, secrets: Sequence[str]) -> None:
        """Hides from now on these, too."""
        self.learn(Redactor(secrets))

    def __call__(self, text: str) -> str:
        """The text without what is known as secret."""
        return self._known(text)
