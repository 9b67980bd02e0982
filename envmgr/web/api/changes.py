"""What may be asked for of an environment: each is written down as a request, and done by the daemon."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from envmgr.commands.requests import Asked as Wish
from envmgr.commands.requests import ask
from envmgr.commands.runtime import Runtime
from envmgr.config.sections.duration import read_duration
from envmgr.domain.errors import UsageError
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.names import EnvironmentId
from envmgr.views import asking
from envmgr.web.identity import Asked
from envmgr.web.quick import PREFIX, QuickRoute

from .environments import Environment, Name, identity_of
from .paging import answer
from .schema import gives

router = APIRouter(prefix=PREFIX, tags=["changes"], route_class=QuickRoute)
_PATH = "/environments/{organization}/{repository}/{environment}"
_ANSWERS = gives(
    "Request", "It is written down; `GET /requests/{id}` follows it.", status=202, also=(409, 413, 415)
)

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="What you call this wish: sent again with the same key, it is still written down once.",
    ),
]
Revision = Annotated[str, Field(min_length=1, max_length=200)]


class Wanted(BaseModel):
    """How something is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    commit: str | None = Field(
        default=None,
        max_length=64,
        description="What you think the branch points at: where it does not, nothing is done.",
    )

    def options(self) -> Mapping[str, Any]:
        """What the request remembers of it: all that was said, but for what says of what it was asked."""
        said = self.model_dump(exclude={"commit", "plan"})
        return {name: value for name, value in said.items() if value not in (None, False)}


class PlanWanted(Wanted):
    """A plan."""

    destroy: bool = Field(default=False, description="What `destroy` would do.")
    revision: Revision | None = Field(default=None, description="Another commit than the branch's newest.")
    rebuild: bool = Field(default=False, description="Build the commit anew, though it was built before.")
    override_window: bool = Field(
        default=False, description="What is `refused` is told as if a window for changes were open."
    )
    override_freeze: bool = Field(
        default=False, description="What is `refused` is told as if nothing were frozen."
    )


class _Planned(Wanted):
    plan: int | None = Field(
        default=None,
        ge=1,
        le=1 << 62,
        description="The request of the plan that you have seen: another plan than that is not done.",
    )
    override_window: bool = Field(default=False, description="Even when no window for changes is open.")


class ApplyWanted(_Planned):
    """An apply."""

    allow_import: bool = Field(
        default=False, description="Also let import blocks take in what carries no environment's tags."
    )
    rebuild: bool = Field(default=False, description="Build the commit anew, though it was built before.")


class DestroyWanted(_Planned):
    """A destroy."""

    override_freeze: bool = Field(default=False, description="Even where all is frozen.")
    skip_on_destroy: bool = Field(default=False, description="Leave out the steps before a destroy.")


class RollbackWanted(Wanted):
    """A way back to an earlier commit."""

    revision: Revision = Field(description="`previous`, `HEAD~1`, or a commit.")
    until_push: bool = Field(default=False, description="The next push ends the hold, too.")
    override_window: bool = Field(default=False, description="Even when no window for changes is open.")


class PromoteWanted(Wanted):
    """Its commit for another environment."""

    to: str = Field(
        max_length=32,
        pattern=r"^[a-z][a-z0-9-]*$",
        description="The other environment, of the same repository.",
    )
    override_window: bool = Field(default=False, description="Even when no window for changes is open.")


_PROPOSAL: Any = Field(
    default=None,
    pattern="^[0-9a-f]{12,64}$",
    description="The plan that you have seen, by its digest or the first 12 digits of that: of another one nothing is said.",
)


class SuspendWanted(Wanted):
    """Leaving it alone."""

    reason: str | None = Field(default=None, max_length=500, description="Why; shown wherever it is.")


class ApproveWanted(Wanted):
    """A yes to what waits."""

    guard: str | None = Field(
        default=None,
        max_length=40,
        description="What holds it back, as you have seen it (`hold`): where that is another by now, nothing is done.",
    )
    proposal: str | None = _PROPOSAL


class RejectWanted(Wanted):
    """A no to a plan."""

    proposal: str | None = _PROPOSAL

    reason: str | None = Field(default=None, max_length=500, description="Why; shown wherever it is.")


class ExtendWanted(Wanted):
    """A later end of life."""

    duration: str = Field(max_length=20, description="From now on: `3d`, `12h`.", examples=["3d"])
    set_end: bool = Field(default=False, description="Give an end to an environment that has none.")

    def options(self) -> Mapping[str, Any]:
        """The duration in seconds."""
        duration = read_duration(self.duration, "duration")
        if duration.total_seconds() <= 0:
            raise UsageError("duration: it must be longer than nothing.")
        ends = {"set_end": True} if self.set_end else {}
        return {"seconds": duration.total_seconds(), **ends}


@dataclass(frozen=True, slots=True)
class Target:
    """Of which environment something is asked for, for whom, and what she calls it."""

    request: Request
    runtime: Runtime
    environment: EnvironmentId
    key: str | None


async def target(
    request: Request,
    runtime: Asked,
    organization: Name,
    repository: Name,
    environment: Environment,
    key: Key = None,
) -> Target:
    """What the path and the headers of a call say."""
    return Target(request, runtime, identity_of(organization, repository, environment), key)


At = Annotated[Target, Depends(target)]


def _asked(target: Target, action: Action, wanted: Wanted) -> Response:
    wish = Wish(
        environment=target.environment,
        action=action,
        options=wanted.options(),
        commit=wanted.commit,
        plan=getattr(wanted, "plan", None),
        key=target.key,
    )
    written = ask(target.runtime, wish)
    found = answer(target.request, asking.request(written), 202)
    found.headers["Location"] = f"/api/v1/requests/{written.id}"
    return found


@router.post(f"{_PATH}/plan", status_code=202, responses=_ANSWERS)
def plan(target: At, wanted: PlanWanted | None = None) -> Response:
    """Asks what would change; nothing is changed. The result has the plans."""
    return _asked(target, Action.PLAN, wanted or PlanWanted())


@router.post(f"{_PATH}/apply", status_code=202, responses=_ANSWERS)
def apply(target: At, wanted: ApplyWanted | None = None) -> Response:
    """Asks for an apply of the branch's newest commit."""
    return _asked(target, Action.APPLY, wanted or ApplyWanted())


@router.post(f"{_PATH}/destroy", status_code=202, responses=_ANSWERS)
def destroy(target: At, wanted: DestroyWanted | None = None) -> Response:
    """Asks for it to be destroyed; where its branch is still there, it is suspended then."""
    return _asked(target, Action.DESTROY, wanted or DestroyWanted())


@router.post(f"{_PATH}/rollback", status_code=202, responses=_ANSWERS)
def rollback(target: At, wanted: RollbackWanted) -> Response:
    """Asks for an earlier commit, held until it is resumed."""
    return _asked(target, Action.ROLLBACK, wanted)


@router.post(f"{_PATH}/promote", status_code=202, responses=_ANSWERS)
def promote(target: At, wanted: PromoteWanted) -> Response:
    """Asks for the commit that it has to come to another environment now, by the same rules as ever."""
    return _asked(target, Action.PROMOTE, wanted)


@router.post(f"{_PATH}/suspend", status_code=202, responses=_ANSWERS)
def suspend(target: At, wanted: SuspendWanted | None = None) -> Response:
    """Asks for it to be left alone."""
    return _asked(target, Action.SUSPEND, wanted or SuspendWanted())


@router.post(f"{_PATH}/resume", status_code=202, responses=_ANSWERS)
def resume(target: At, wanted: Wanted | None = None) -> Response:
    """Asks for it to be managed again."""
    return _asked(target, Action.RESUME, wanted or Wanted())


@router.post(f"{_PATH}/extend", status_code=202, responses=_ANSWERS)
def extend(target: At, wanted: ExtendWanted) -> Response:
    """Asks for a later end of life."""
    return _asked(target, Action.EXTEND, wanted)


@router.post(f"{_PATH}/drift", status_code=202, responses=_ANSWERS)
def drift(target: At, wanted: Wanted | None = None) -> Response:
    """Asks how the cloud differs from what was applied."""
    return _asked(target, Action.DRIFT, wanted or Wanted())


@router.post(f"{_PATH}/approve", status_code=202, responses=_ANSWERS)
def approve(target: At, wanted: ApproveWanted | None = None) -> Response:
    """Asks for it to be let past the guard that holds it back now, or for its plan to be applied."""
    return _asked(target, Action.APPROVE, wanted or ApproveWanted())


@router.post(f"{_PATH}/cancel", status_code=202, responses=_ANSWERS)
def cancel(target: At, wanted: Wanted | None = None) -> Response:
    """Asks what runs there to end, and says whether it has; it is not begun again until a push or `resume`."""
    return _asked(target, Action.CANCEL, wanted or Wanted())


@router.post(f"{_PATH}/reject", status_code=202, responses=_ANSWERS)
def reject(target: At, wanted: RejectWanted | None = None) -> Response:
    """Asks for the plan that waits for approval now to be turned down."""
    return _asked(target, Action.REJECT, wanted or RejectWanted())
