"""Each kind of forge as the contract suite tries it: how it is served, configured, and what it shows of what it was told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from envmgr.composition.forges.wiring import forge_of
from envmgr.config.sections.forge.forge import Forge as ForgeSection
from envmgr.domain.values.forge import ReportState
from envmgr.ports.forge import Forge

from .kinds.github import GitHub
from .loopback import TOKEN, Kind, LoopbackForge


@dataclass(frozen=True)
class Trial:
    """A kind of forge. `sentence` is the longest sentence of a status that it takes, `states` its words for them.

    `shown` is what a status's context is there; `lacks` are things that it does not have or tell:
    `drafts labels edits reviews bots permissions`.
    """

    section: Mapping[str, Any]
    kind: Callable[[], Kind]
    states: Mapping[ReportState, str]
    sentence: int
    shown: Callable[[str], str] = lambda context: context
    lacks: frozenset[str] = field(default_factory=frozenset)

    def open(self, loopback: LoopbackForge, **changes: Any) -> Forge:
        """The adapter of a loopback forge, wired as configurations are."""
        given = {
            "url": loopback.url,
            "repository": loopback.model.name,
            "token": TOKEN,
            **self.section,
            **changes,
        }
        section = ForgeSection.model_validate({n: v for n, v in given.items() if v is not None})
        return forge_of(section, "/srv/git/shop.git", {}, {})


TRIALS: Mapping[str, Trial] = {
    "github": Trial(
        section={"kind": "github"},
        kind=GitHub,
        states={
            ReportState.PENDING: "pending",
            ReportState.RUNNING: "pending",
            ReportState.SUCCESS: "success",
            ReportState.FAILURE: "failure",
        },
        sentence=140,
    ),
}
