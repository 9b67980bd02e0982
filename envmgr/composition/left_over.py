"""What stands in for a repository that is in the configuration no more, so that its environments can be ended."""

from datetime import timedelta

from envmgr.adapters.calendar import CALENDAR
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.drift import DriftRules
from envmgr.domain.values.environment import SourceKind
from envmgr.domain.values.names import RepositoryId
from envmgr.domain.values.policy import Policy
from envmgr.domain.values.schedule import Windows
from envmgr.engine.context.organization import Organization, Repository
from envmgr.engine.reconcile import unmanaged
from envmgr.ports import Remote, StepLimits, Store

from .frozen import freezing


def left_over(organization: Organization | None, identity: RepositoryId, store: Store) -> Repository | None:
    """Its organization's, with no branches or rules; None where that is in no file either."""
    if organization is None:
        return None

    def remote() -> Remote:
        raise NeedsPerson(unmanaged.missing(identity))

    left = Repository(
        id=identity,
        organization=organization,
        branches=(),
        interval=timedelta(hours=1),
        source=(SourceKind.DIRECTORY, ""),
        variables={},
        policy=Policy(branches=(), configured=False),
        remote=remote,
        module_tree=lambda: "",
        windows=Windows(),
        drift=DriftRules(action="off"),
        ticks=CALENDAR,
        step_limits=StepLimits(output=0),
    )
    return freezing(left, store)
