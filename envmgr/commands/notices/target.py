"""Somebody who is told of what happens."""

from collections.abc import Callable
from dataclasses import dataclass

from envmgr.domain.rules.notices.wording import TEMPLATE
from envmgr.domain.values.notices import Audience
from envmgr.ports.hooks import Messenger


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Somebody who is told. `key` names her for good, `label` for people and without secrets.

    `open` gives the way to her, with the secrets of now. `is_machine`: it takes documents, as many events at once as there are.
    """

    key: str
    label: str
    audience: Audience
    open: Callable[[], Messenger]
    template: str = TEMPLATE
    is_machine: bool = False
