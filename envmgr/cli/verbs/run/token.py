"""`envmgr token create`, `list` and `revoke`."""

from datetime import UTC, datetime, timedelta

import click

from envmgr.cli import table
from envmgr.cli.command import LazyGroup, json_option, pass_invocation, verb
from envmgr.cli.duration_type import Duration
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import emit, emit_json, emit_json_rows, moment, printable, say, width
from envmgr.cli.work import work
from envmgr.commands import tokens
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.asking.token import Token
from envmgr.views import asking

_SECTIONS = {
    "Verbs": {
        "create": ("run.token", "Make a token, and print its secret once."),
        "list": ("run.token", "All tokens, without their secrets."),
        "revoke": ("run.token", "End a token at once."),
    }
}
_COLUMNS = (
    table.Column("TOKEN"),
    table.Column("ROLE"),
    table.Column("WHERE"),
    table.Column("CREATED", drop=2),
    table.Column("BY", drop=1),
    table.Column("EXPIRES"),
    table.Column("LAST USED"),
)


@click.group("run.token", cls=LazyGroup, sections=_SECTIONS)
def token_command() -> None:
    """Tokens, by which scripts and laptops use the API."""


@verb(
    "create", example="envmgr token create ci --role developer --organization acme --expires 90d > ci-token"
)
@click.argument("name")
@click.option("--role", type=click.Choice([r.value for r in Role]), required=True, help="What it may do.")
@click.option("--organization", metavar="NAME", help="Where. [everywhere]")
@click.option("--repository", metavar="NAME", help="The one repository of the organization where.")
@click.option(
    "--expires", type=Duration(positive=True), metavar="DURATION", help="For how long. [until it is revoked]"
)
@json_option
@pass_invocation
def create_command(
    invocation: Invocation,
    name: str,
    role: str,
    organization: str | None,
    repository: str | None,
    expires: timedelta | None,
    as_json: bool,
) -> None:
    """Make a token; its secret is printed this once, alone on standard output, and kept nowhere."""
    wish = tokens.Wish(
        name=name, role=Role(role), organization=organization, repository=repository, expires=expires
    )
    with work(invocation) as runtime:
        secret, token = tokens.create(runtime, wish)
    if as_json:
        made: asking.NewTokenObject = {**asking.token(token), "secret": secret}
        emit_json(made)
        return
    emit(secret)
    until = f", until {moment(token.expires_at)}" if token.expires_at is not None else ""
    say(f"Token {token.name}: {token.role} in {tokens.place_of(token)}{until}. It is not shown again.")


@verb("list", example="envmgr token list")
@json_option
@pass_invocation
def list_command(invocation: Invocation, as_json: bool) -> None:
    """All tokens with their roles, and when each was last used."""
    with work(invocation) as runtime:
        found = tokens.listed(runtime)
    if as_json:
        emit_json_rows(map(asking.token, found))
    elif found:
        now = datetime.now(UTC)
        emit("\n".join(table.render(_COLUMNS, [_row(each, now) for each in found], width())))
    else:
        say("There are no tokens; `envmgr token create` makes one.")


def _row(found: Token, now: datetime) -> tuple[str, ...]:
    expires = moment(found.expires_at) if found.is_valid(now) else "expired"
    return (
        found.name,
        found.role.value,
        tokens.place_of(found),
        moment(found.created_at),
        printable(found.created_by),
        expires or "never",
        moment(found.used_at) or "never",
    )


@verb("revoke", example="envmgr token revoke ci")
@click.argument("name")
@pass_invocation
def revoke_command(invocation: Invocation, name: str) -> None:
    """End a token: from now on nobody gets in with it."""
    with work(invocation) as runtime:
        found = tokens.revoke(runtime, name)
    emit(f"Token {found.name} is not valid any more.")
