"""Who envmgr is on GitHub, and what it may do there."""

from collections.abc import Iterator
from datetime import UTC, datetime

from envmgr.adapters.forge.answer import Answer
from envmgr.adapters.forge.client import ForgeClient, segment
from envmgr.domain.errors import NeedsOperator, NotThere
from envmgr.ports.forge import ForgeIdentity

from .app import NEEDED, AppSignIn
from .payloads import person

_LEVELS = {"read": 1, "write": 2, "admin": 3}
_READS = (
    ("pulls", "to read pull requests (Pull requests: read and write)"),
    ("deployments", "to read deployments (Deployments: read and write)"),
    ("commits/HEAD/status", "to read commit statuses (Commit statuses: read and write)"),
)
_ENOUGH = ("repo", "public_repo", "repo:status", "repo_deployment", "read:org", "read:user", "user:email")


def by_app(client: ForgeClient, app: AppSignIn) -> ForgeIdentity:
    """As an App: its rights are what its installation was given."""
    given = app.permissions()
    bot = client.get(f"/users/{segment(f'{app.slug()}[bot]')}").as_object()
    missing = [
        f"{name}: {level}"
        for name, level in NEEDED.items()
        if _LEVELS.get(given.get(name, ""), 0) < _LEVELS[level]
    ]
    wide = [
        f"{name}: {level}"
        for name, level in sorted(given.items())
        if _LEVELS.get(level, 0) > _LEVELS.get(NEEDED.get(name, ""), 0)
    ]
    return ForgeIdentity(person=person(bot), missing=tuple(missing), too_wide=tuple(wide))


def by_token(client: ForgeClient, path: str) -> ForgeIdentity:
    """By a token: what it may read is tried; what it may write GitHub tells only of its owner."""
    own = client.get("/user")
    return ForgeIdentity(
        person=person(own.as_object()),
        missing=tuple(_missing(client, path)),
        too_wide=tuple(_too_wide(own)),
        expires_at=_end(own),
    )


def _missing(client: ForgeClient, path: str) -> Iterator[str]:
    try:
        found = client.get(path).as_object()
    except (NeedsOperator, NotThere):
        yield "to see the repository (Metadata: read)"
        return
    if not found.flag("permissions", "push"):
        yield "the role Write in the repository"
    for name, words in _READS:
        try:
            client.get(f"{path}/{name}", {"per_page": 1})
        except (NeedsOperator, NotThere):
            yield words


def _too_wide(own: Answer) -> Iterator[str]:
    """A classic token tells its scopes; a fine-grained one tells nothing."""
    scopes = [each.strip() for each in own.headers.get("x-oauth-scopes", "").split(",") if each.strip()]
    if "repo" in scopes:
        yield "repo: a classic token reaches all repositories of its owner; take a fine-grained one"
    yield from (each for each in scopes if each not in _ENOUGH)


def _end(own: Answer) -> datetime | None:
    said = own.headers.get("github-authentication-token-expiration", "")
    try:
        found = datetime.fromisoformat(said.removesuffix(" UTC").replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
