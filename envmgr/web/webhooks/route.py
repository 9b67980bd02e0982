"""`POST /webhooks/{forge}/{organization}`."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from envmgr.commands.forge.webhooks import hooks_of, meant
from envmgr.domain.rules.forge.webhooks import Proof, named
from envmgr.domain.values.forge import ForgeKind
from envmgr.web.api.schema import problems
from envmgr.web.door import door_of

from .body import TooLarge
from .hints import REFUSED, TAKEN

router = APIRouter(tags=["webhooks"])
_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"description": "It is genuine; the repository is looked at soon, if it is a configured one."},
    401: {"description": "It shows none of the secrets."},
    **dict(problems(404, 413, 422, 503)),
}
_Word = Annotated[str, Path(description="As in the configuration.")]


@router.post("/webhooks/{forge}/{organization}", status_code=202, responses=_ANSWERS, response_class=Response)
async def take(request: Request, forge: _Word, organization: _Word) -> Response:
    """Takes a webhook of a forge (github, gitlab, gitea, bitbucket, azure-devops) as a hint to look sooner.

    It is verified as that forge signs it, and nothing of it is believed but which repository it is about.
    """
    door, state = door_of(request), request.app.state
    hooks = hooks_of(door.runtime.hooks, forge, organization)
    if not hooks:
        raise HTTPException(404, "No webhooks are taken here.")
    kind, known = ForgeKind(forge), await state.hook_secrets.of(hooks)
    shown = {
        name: value.encode("latin-1").decode("utf-8", "replace") for name, value in request.headers.items()
    }
    proofs = {secret: Proof(kind, secret, shown, door.now) for secret in known}
    try:
        body = await state.held.read(request, proofs.values())
    except TooLarge as error:
        raise HTTPException(413, "The body is larger than any forge sends.") from error
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it
    genuine = [hook for secret, proof in proofs.items() if proof.holds for hook in known[secret]]
    state.hints.count(organization, forge, TAKEN if genuine else REFUSED)
    if not genuine:
        return Response(status_code=401)
    state.hints.add(meant(genuine, named(kind, body) if body is not None else None))
    return Response(status_code=202)
