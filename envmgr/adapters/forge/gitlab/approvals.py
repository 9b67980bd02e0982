"""Approvals, which GitLab does not bind to a commit."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from envmgr.adapters.forge.answer import Object
from envmgr.adapters.forge.client import ForgeClient
from envmgr.adapters.forge.failure import NotAllowed
from envmgr.domain.errors import NotThere
from envmgr.domain.values.forge import ForgeApproval
from envmgr.ports import Clock

from .payloads import commit, person

# GitLab takes approvals away some moments after a push: what is there just then may be older.
_SETTLED = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Approvals:
    """The approvals of a project's merge requests that are surely of one commit."""

    client: ForgeClient
    project: str
    clock: Clock

    def of(self, number: int, wanted: str) -> list[ForgeApproval]:
        """See the port: those given since the push of this commit; where GitLab does not say when, all if a push takes the older ones away."""
        place = f"{self.project}/merge_requests/{number}"
        pushed = self._pushed(place, wanted)
        if pushed is None:
            return []
        found = self.client.get(f"{place}/approvals").as_object().listed("approved_by")
        # Asked for after the approvals: a push in between would have made them another commit's.
        request = self.client.get(place).as_object()
        if not found or commit(request, "sha") != wanted or self._pushed(place, wanted) != pushed:
            return []
        author = request.id("author", "id")
        others = [each for each in found if each.id("user", "id") != author]
        return list(self._counted(others, wanted, pushed))

    def _counted(self, found: list[Object], wanted: str, pushed: datetime) -> Iterator[ForgeApproval]:
        for each in found:
            who = person(each.inner("user"))
            if who.is_bot or each.text_or("active", "user", "state") != "active":
                continue
            at = each.moment_or_none("approved_at")
            if self._is_reset(pushed) if at is None else at > pushed:
                yield ForgeApproval(who, wanted, at)

    def _pushed(self, place: str, wanted: str) -> datetime | None:
        """When this commit became the head, by GitLab's clock; None where another one is."""
        versions = self.client.get(f"{place}/versions", {"per_page": 1}).as_objects()
        if not versions or commit(versions[0], "head_commit_sha") != wanted:
            return None
        return versions[0].moment("created_at")

    def _is_reset(self, pushed: datetime) -> bool:
        """Whether a push takes approvals away, and has by now."""
        try:
            rules = self.client.get(f"{self.project}/approvals").as_object()
        except (NotAllowed, NotThere):
            return False  # not in this edition, or only maintainers may ask
        return rules.flag("reset_approvals_on_push") and self.clock() - pushed > _SETTLED
