"""The records of a repository at one moment: by which rules each is judged, and for which others it waits."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.neighbours import Siblings, awaited, is_overtaken, missing, needed_by
from envmgr.domain.rules.settled import is_settled
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.policy import Awaited, Neighbours, Policy

from .organization import Repository
from .promotion import before
from .services import Services

if TYPE_CHECKING:
    from envmgr.domain.values.names import EnvironmentId


class Snapshot:
    """Records of a repository; of an environment in it all applications or none."""

    def __init__(
        self,
        repository: Repository,
        records: Iterable[Environment],
        now: datetime,
        before: Callable[[Environment, str], Awaited | None] = lambda *_: None,
    ) -> None:
        """`repository` is the environment's; `before` says what a commit waits for before it comes to one of them."""
        self._repository, self._now, self._before = repository, now, before
        self._inputs: dict[tuple[str, str], str | None] = {}
        self._siblings: dict[EnvironmentId, dict[str, Environment]] = {}
        for record in records:
            if record.id.application or repository.applications:
                self._siblings.setdefault(record.id.environment, {})[record.id.application] = record

    @cached_property
    def _frozen(self) -> Freeze | None:
        """Read once, and only where rules are asked for: many a snapshot is of who belongs together alone."""
        return self._repository.frozen(self._now)

    def siblings(self, environment: Environment) -> Siblings:
        """The applications of the same environment, itself among them; none where it has none."""
        return self._siblings.get(environment.id.environment, {})

    def policy(self, environment: Environment) -> Policy:
        """The rules for one of them now."""
        repository = self._repository.of(environment.id)
        return repository.policy_for(
            environment, self._inputs_of(repository, environment), self._now, self._frozen
        )

    def neighbours(self, environment: Environment, *, leaving: int = 0, active: int = 0) -> Neighbours:
        """One of them among the others."""
        neighbours, siblings = Neighbours(leaving=leaving, active=active), self.siblings(environment)
        if environment.target != environment.applied.commit:
            neighbours = replace(neighbours, before=self._before(environment, environment.target))
        if not siblings:
            return neighbours
        needs = self._repository.of(environment.id).needs
        return replace(
            neighbours,
            awaits=awaited(
                environment,
                needs,
                siblings,
                lambda e: is_settled(e, self.policy(e)),
                lambda e: is_overtaken(e, self.policy(e)),
            ),
            needed_by=needed_by(environment, siblings),
        )

    def missing(self, environment: Environment) -> tuple[str, ...]:
        """What it needs that has no resources, or is about to lose them."""
        return missing(self._repository.of(environment.id).needs, self.siblings(environment))

    def _inputs_of(self, repository: Repository, environment: Environment) -> str | None:
        """A digest over all that reaches Terraform besides the commit, the outputs of what it needs among it."""
        # A named environment has variables of its own; all others of an application have the same.
        named = environment.id.name if environment.id.name in self._repository.environments else ""
        asked = (named, repository.application)
        if asked not in self._inputs:
            self._inputs[asked] = repository.inputs()
        known = self._inputs[asked]
        if known is None or not repository.needs:
            return known
        siblings = self.siblings(environment)
        return digest([known, [_outputs(siblings[n]) for n in repository.needs if n in siblings]])


def _outputs(need: Environment) -> object:
    """What tells another set of outputs; the values of sensitive ones are not known here, but their state's serial is."""
    values = {name: output.value for name, output in need.applied.outputs.items()}
    hidden = any(output.sensitive for output in need.applied.outputs.values())
    # A serial counts up with every apply: it tells that a hidden value may have changed, without saying it.
    return [need.id.application, values, need.applied.serial if hidden else None]


def snapshot_of(services: Services, environment: Environment) -> Snapshot:
    """The snapshot of one environment and, where it has several, of all its applications, as they are now."""
    identity, now = environment.id, services.clock()
    repository = services.repository(identity.repository_id)
    if repository is None:
        raise NeedsPerson(f"{environment.label} belongs to an organization that is not in the configuration.")
    if not (identity.application or repository.applications):
        return Snapshot(repository, [environment], now, partial(before, services))
    records = services.store.environments(repository=identity.repository_id, name=identity.name)
    return Snapshot(repository, records, now, partial(before, services))
