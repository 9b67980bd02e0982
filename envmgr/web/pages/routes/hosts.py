"""The hosts: how each stands and what it works on; an admin drains and forgets them after a question."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from envmgr.commands.access import may
from envmgr.commands.hosts import standing
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.hosts.host import HostStatus, Standing
from envmgr.web.door import door_of
from envmgr.web.problems import of_error
from envmgr.web.sign_in.visitor import Visiting, Visitor

from .answer import PageRoute, drawn, failed, seen_again

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Named = Annotated[str, Path(max_length=253, pattern=r"^[A-Za-z0-9._-]+$")]


class Word(StrEnum):
    """What is said of a host."""

    DRAIN = "drain"
    UNDRAIN = "undrain"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Question:
    """What will happen, said before it does."""

    title: str
    sentences: tuple[str, ...]
    button: str
    is_dangerous: bool = False


@router.get("/hosts", response_class=HTMLResponse)
def listed(request: Request, visitor: Visiting) -> HTMLResponse:
    """All of them, with what may be said of each."""
    runtime = door_of(request).of(visitor.person)
    found = standing.standings(runtime)
    return drawn(
        request,
        visitor,
        "hosts.html",
        hosts=[(each, _words(runtime, each)) for each in found],
        at_work=any(each.status is HostStatus.WORKING for each in found),
    )


@router.get("/hosts/{host}/{word}", response_class=HTMLResponse)
def question(request: Request, visitor: Visiting, host: Named, word: Word) -> HTMLResponse:
    """What will happen."""
    return _asked(request, visitor, host, word)


@router.post("/hosts/{host}/{word}", response_class=HTMLResponse)
def said(request: Request, visitor: Visiting, host: Named, word: Word) -> Response:
    """Does it; what cannot be is said above the question."""
    runtime = door_of(request).of(visitor.person)
    try:
        if word is Word.FORGET:
            standing.forget(runtime, host)
        else:
            standing.drain(runtime, host, draining=word is Word.DRAIN)
    except EnvmgrError as error:
        return _asked(request, visitor, host, word, error)
    return seen_again("/hosts")


def _words(runtime: Runtime, found: Standing) -> list[Word]:
    """What somebody may say of a host as it stands."""
    if found.host.refused or not all(
        may(runtime, Action.HOSTS, name) for name in runtime.services.organizations
    ):
        return []
    drained = [Word.UNDRAIN if found.host.draining else Word.DRAIN]
    return drained if found.host.lives else [*drained, Word.FORGET]


def _asked(
    request: Request, visitor: Visitor, host: str, word: Word, error: EnvmgrError | None = None
) -> HTMLResponse:
    found = standing.standings(door_of(request).of(visitor.person))
    meant = next(
        (each for each in found if host in (each.host.id, each.host.name) and not each.host.refused), None
    )
    status, problem = (of_error(error).status, str(error)) if error is not None else (200, "")
    if meant is None:
        return failed(request, 404, problem or "There is no such host (any more).")
    return drawn(
        request,
        visitor,
        "host_question.html",
        status=status,
        found=meant,
        word=word,
        question=_question(meant, word),
        problem=problem,
    )


def _question(found: Standing, word: Word) -> Question:
    name, works_on = found.host.name, len(found.works_on)
    if word is Word.DRAIN:
        ends = f"What it works on now ({works_on} that you may see) goes on to its end." if works_on else ""
        said = (
            f"{name} takes no new work, until somebody lets it work again; restarts change nothing in that.",
        )
        others = "Other hosts take over what it looked at. If there is no other, no work is taken at all."
        return Question(f"Drain {name}", tuple(filter(None, (*said, ends, others))), "Drain")
    if word is Word.UNDRAIN:
        return Question(
            f"Let {name} work again", (f"{name} takes work beside the others.",), "Let it work again"
        )
    return Question(
        f"Forget {name}",
        (
            f"{name} counts as gone for good, and is shown no more.",
            "Others take over at once what it had begun, and break the state locks that its runs are known to hold.",
            "Only do this if that host is off: a Terraform that still works there would work beside the next one.",
        ),
        "It is off: forget it",
        is_dangerous=True,
    )
