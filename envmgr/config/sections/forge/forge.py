"""The forge that a repository is on, and who may do what from there."""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from envmgr.config.sections.secrets import Secret
from envmgr.config.sections.section import Section
from envmgr.config.sections.values import AbsolutePath, Flag, Named, Period, SecretValue, Text
from envmgr.config.settings import LOOPBACK
from envmgr.domain.rules.forge.place import is_bitbucket_cloud, place_on_forge
from envmgr.domain.values.forge import ForgeKind

_ADDRESS = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_PERMISSIONS = ("permission:read", "permission:write", "permission:admin")


def _address(value: str) -> str:
    found = _ADDRESS.fullmatch(value)
    if found is None:
        raise ValueError("it must be the forge's address, such as https://github.example.com")
    if found[1] == "http" and found[2].strip("[]") not in LOOPBACK:
        raise ValueError("the token would cross the network unprotected; write https://")
    return value.rstrip("/")


def _repository(value: str) -> str:
    parts = value.split("/")
    if not all(re.fullmatch(r"[A-Za-z0-9._~ -]+", part) and part.strip(".") for part in parts):
        raise ValueError("it must be the repository as the forge names it, such as acme/shop")
    return value


def _member(value: str) -> str:
    if value.startswith("permission:") and value not in _PERMISSIONS:
        raise ValueError(f"it must be one of {', '.join(_PERMISSIONS)}")
    if value.strip() != value or not value or not value.isprintable() or value == "id:":
        raise ValueError("it must be a login, id:ID as the forge gives it, or permission:write")
    return value


def _author(value: str) -> str:
    if value.startswith("permission:"):
        raise ValueError("it must be a login or id:ID; `members` alone are those who may write")
    return _member(value)


ForgeMember = Annotated[str, AfterValidator(_member), Named("login, id:ID or permission:…")]
ForgeAuthor = Annotated[str, AfterValidator(_author), Named("login or id:ID")]


class ForgeRoles(Section):
    """Who may do what by comments on the forge: a login, `id:ID`, or all who have a permission in the repository there."""

    viewer: tuple[ForgeMember, ...] = Field(
        default=(), description="May ask how it stands.", examples=[["permission:read"]]
    )
    developer: tuple[ForgeMember, ...] = Field(
        default=("permission:write",),
        description="May also plan, apply, destroy, suspend, resume and extend.",
        examples=[["permission:write"]],
    )
    approver: tuple[ForgeMember, ...] = Field(
        default=("permission:admin",),
        description="May also approve and reject.",
        examples=[["carol", "permission:admin"]],
    )
    admin: tuple[ForgeMember, ...] = Field(
        default=(), description="May also what needs an admin.", examples=[["id:1234"]]
    )


class App(Section):
    """A GitHub App that speaks for envmgr, in place of a token."""

    id: Text = Field(description="The App's client ID (or its number).", examples=["Iv23liABCDEF"])
    key: SecretValue = Field(
        repr=False,
        description="The App's private key (PEM).",
        examples=[{"file": "/etc/envmgr/github-app.pem"}],
    )


class Identity(Section):
    """How envmgr signs in to Azure DevOps by Microsoft Entra, in place of a token."""

    tenant_id: Text | None = Field(
        default=None, description="The tenant; without it that of the managed identity.", examples=["acme"]
    )
    client_id: Text = Field(
        description="The client ID of the service principal or managed identity.", examples=["envmgr"]
    )
    client_secret: SecretValue | None = Field(
        default=None,
        repr=False,
        description="The service principal's secret; without it the managed identity is used.",
        examples=[{"systemd": "azure-devops-secret"}],
    )


class Forge(Section):
    """The forge that a repository is on: where its pull requests, statuses and comments are."""

    kind: Literal["github", "gitlab", "gitea", "bitbucket", "azure-devops"] = Field(
        description="Which kind of forge it is; Forgejo is gitea.", examples=["github"]
    )
    url: Annotated[str, AfterValidator(_address), Named("address")] | None = Field(
        default=None,
        description="The forge's address; without it it follows from the repository's `url`.",
        examples=["https://github.example.com"],
    )
    repository: Annotated[str, AfterValidator(_repository), Named("repository")] | None = Field(
        default=None,
        description="The repository as the forge names it; without it it follows from the repository's `url`.",
        examples=["acme/shop"],
    )
    token: SecretValue | None = Field(
        default=None,
        repr=False,
        description="The access token.",
        examples=[{"file": "/etc/envmgr/github-token"}],
    )
    app: App | None = Field(
        default=None,
        description="A GitHub App in place of a token.",
        examples=[{"id": "Iv23liABCDEF", "key": {"file": "/etc/envmgr/github-app.pem"}}],
    )
    identity: Identity | None = Field(
        default=None,
        description="A sign-in by Microsoft Entra in place of a token, on Azure DevOps.",
        examples=[{"client_id": "envmgr"}],
    )
    webhook_secret: SecretValue | None = Field(
        default=None,
        repr=False,
        description="The secret of the forge's webhooks; without it none are taken.",
        examples=[{"file": "/etc/envmgr/webhook-secret"}],
    )
    authorities: AbsolutePath | None = Field(
        default=None,
        description="A PEM file of the authorities that the forge's certificate may be of, beside the usual ones.",
        examples=["/etc/ssl/acme-ca.pem"],
    )
    interval: Period = Field(
        default=timedelta(minutes=1),
        description="How often its pull requests are looked at, less often where it asks for that; webhooks make it sooner.",
        examples=["1m"],
    )
    context: Text = Field(
        default="envmgr",
        description="What the names of its statuses begin with; each installation that watches the repository needs one of its own.",
        examples=["envmgr"],
    )
    comments: Flag = Field(
        default=True, description="Whether one comment of a pull request tells how it goes.", examples=[True]
    )
    commands: Flag = Field(
        default=True,
        description="Whether comments that begin with `/envmgr` are obeyed, of people who may.",
        examples=[True],
    )
    roles: ForgeRoles = Field(
        default=ForgeRoles(),
        description="Who may do what by comments.",
        examples=[{"developer": ["permission:write"], "approver": ["carol"]}],
    )

    @model_validator(mode="after")
    def _check_sign_in(self) -> Self:
        if sum(each is not None for each in (self.token, self.app, self.identity)) != 1:
            raise ValueError("give exactly one of token, app (GitHub) and identity (Azure DevOps)")
        if self.app is not None and self.kind != "github":
            raise ValueError("an app is GitHub's; give a token")
        if self.identity is not None and self.kind != "azure-devops":
            raise ValueError("an identity is Azure DevOps'; give a token")
        return self

    def place(self, remote: str) -> tuple[str, str]:
        """The forge's address and the repository there; what is not given follows from the address of the git remote.

        ValueError where it does not.
        """
        url, repository = place_on_forge(ForgeKind(self.kind), remote, self.url or "") or (None, None)
        url, repository = self.url or url, self.repository or repository
        if url is None or repository is None:
            missing = " and ".join(n for n, v in (("url", url), ("repository", repository)) if v is None)
            raise ValueError(f"forge: {missing} cannot be told from the repository's url; give {missing}")
        return url, repository


def check_place(forge: Forge | None, remote: str) -> None:
    """Raises ValueError where it is not known where a repository is on its forge."""
    if forge is not None:
        url, _ = forge.place(remote)
        _address(url)
        for role, members in forge.roles:
            check_names(forge, url, f"forge.roles.{role}", members)


def check_names(forge: Forge, url: str, option: str, people: Iterable[str]) -> None:
    """Raises ValueError for a name in an option, where anybody may take that of another: on Bitbucket Cloud."""
    if forge.kind != "bitbucket" or not is_bitbucket_cloud(url):
        return
    for each in people:
        if not each.startswith(("id:", "permission:")):
            raise ValueError(f"{option}: anybody may be called {each} on Bitbucket Cloud; write id:{{UUID}}")


def secrets_of_forge(forge: Forge | None) -> Iterator[tuple[tuple[str, ...], Secret]]:
    """Each secret of a forge, with the way to its option."""
    if forge is None:
        return
    found = (
        (("token",), forge.token),
        (("app", "key"), forge.app.key if forge.app is not None else None),
        (("identity", "client_secret"), forge.identity.client_secret if forge.identity is not None else None),
        (("webhook_secret",), forge.webhook_secret),
    )
    yield from ((way, secret) for way, secret in found if secret is not None)
