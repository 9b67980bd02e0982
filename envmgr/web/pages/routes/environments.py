"""The list of environments, and one of them."""

from types import SimpleNamespace

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from envmgr.commands import freezing, reading
from envmgr.commands.access import may
from envmgr.commands.forge.heads import head_of, waiting_heads
from envmgr.commands.hosts import standing
from envmgr.commands.reading import images_of, records_of, repository_names, unreachable
from envmgr.commands.runtime import Runtime
from envmgr.domain.rules.hosts.words import doubts
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.ports.pages import Wanted
from envmgr.web.door import door_of
from envmgr.web.pages.environment import Around, whole
from envmgr.web.pages.listing import Row, rows
from envmgr.web.sign_in.visitor import Visiting, Visitor

from .answer import PageRoute, drawn
from .chosen import Words, address, key, place, wanted

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_PAGE = 100
_NEEDING = 50
_SHOWN = 20
_RUNS, _EVENTS = 15, 12
_STATUSES = frozenset(status.value for status in Status)
_OPEN = tuple(status for status in Status if status is not Status.DESTROYED)


@router.get("/", response_class=HTMLResponse)
def environments(
    request: Request,
    visitor: Visiting,
    q: Words = "",
    status: Words = "",
    repository: Words = "",
    after: Words = "",
) -> HTMLResponse:
    """Those that somebody may see, page by page; on top what waits for a person."""
    runtime = door_of(request).of(visitor.person)
    status = status if status in _STATUSES else ""
    pages, filters = runtime.services.store.pages, {"text": q, **place(repository)}
    found = pages.environments(wanted(visitor.person, status=status, limit=_PAGE + 1, **filters), key(after))
    is_filtered = bool(q or status or repository)
    needing = [] if is_filtered or after else _needing(runtime, visitor)
    on_top = {row.found.id for row in needing}
    counts = pages.counts(wanted(visitor.person, **filters))
    chosen = {"q": q, "status": status, "repository": repository}
    shown = rows(found[:_PAGE])
    return drawn(
        request,
        visitor,
        "environments.html",
        rows=[row for row in shown if row.found.id not in on_top],
        needing=needing,
        counts=[
            (s, n, address("/", **{**chosen, "status": s}))
            for s in Status
            if (n := counts.get(s)) and s in _OPEN
        ],
        chosen=SimpleNamespace(**chosen),
        statuses=list(Status),
        repositories=repository_names(runtime),
        unreachable=[f"{name} could not be read: {error}" for name, error in unreachable(runtime).items()],
        untold=[each.of(name) for name, found in reading.untold(runtime).items() for each in found],
        doubts=list(doubts(standing.known(runtime))),
        heads=[] if is_filtered or after else waiting_heads(runtime)[:_SHOWN],
        freezes=freezing.frozen(runtime),
        next=address("/", **chosen, after=shown[-1].found.id.environment) if len(found) > _PAGE else "",
        is_filtered=is_filtered or bool(after),
    )


def _needing(runtime: Runtime, visitor: Visitor) -> list[Row]:
    """The first that wait for a person."""
    found: list[Row] = []
    for status in (Status.WAITING, Status.FAILED):
        ask = wanted(visitor.person, status=status, limit=_NEEDING)
        found += [
            row for row in rows(runtime.services.store.pages.environments(ask, None)) if row.is_person_needed
        ]
    return found[:_SHOWN]


@router.get("/environments/{organization}/{repository}/{name}", response_class=HTMLResponse)
def environment(
    request: Request, visitor: Visiting, organization: str, repository: str, name: str
) -> HTMLResponse:
    """One in full."""
    runtime = door_of(request).of(visitor.person)
    records = records_of(runtime, EnvironmentId(organization, repository, name))
    identity = records[0].id
    around = _around(runtime, records[0], wanted(visitor.person, **_named(identity), limit=_RUNS))
    shown = whole(records, around, lambda action: may(runtime, action, organization, repository))
    head = head_of(runtime, identity.environment)
    return drawn(request, visitor, "environment.html", whole=shown, head=head, notice="")


def _named(identity: EnvironmentId) -> dict[str, str]:
    return {"organization": identity.organization, "repository": identity.repository, "name": identity.name}


def _around(runtime: Runtime, record: Environment, ask: Wanted) -> Around:
    store, now = runtime.services.store, runtime.services.clock()
    identity, repository = record.id, runtime.services.configured(record.id)
    return Around(
        leases=store.leases(now),
        runs=store.pages.runs(ask, None),
        events=store.pages.events(ask, None)[:_EVENTS],
        requests=[r for r in store.requests.pending() if r.environment.environment == identity.environment],
        remote_error=store.repository(identity.repository_id).error,
        untold=store.outbox.unsaid(identity.repository_id),
        hosts=standing.known(runtime),
        freezes=[each for each in freezing.frozen(runtime) if each.covers(identity.repository_id)],
        images=images_of(runtime, identity),
        is_protected=repository is not None and repository.is_protected(record),
    )
