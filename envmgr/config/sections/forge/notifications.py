"""Who is told of what happens, beside the forge."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from envmgr.config.sections.section import Section
from envmgr.config.sections.values import Named, SecretValue, Text
from envmgr.config.settings import LOOPBACK
from envmgr.domain.rules.notices.wording import PLACES, unknown_places

NoticeWord = Literal["failed", "recovered", "expires-soon", "waiting", "drift", "*"]


def _hook(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.password is not None:
        raise ValueError("it must be an address, such as https://ops.example.com/hook")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("what is told would cross the network unprotected; write https://")
    return value


def _template(value: str) -> str:
    if unknown := unknown_places(value):
        raise ValueError(f"it has {{{unknown[0]}}} in it, which means nothing; there is {', '.join(PLACES)}")
    return value


class Notification(Section):
    """Somebody who is told of what happens: by any service that Apprise knows, or by a webhook."""

    url: SecretValue | None = Field(
        default=None,
        repr=False,
        description="An Apprise URL of a service; it holds secrets, so better in a file.",
        examples=[{"file": "/etc/envmgr/slack-url"}],
    )
    webhook: Annotated[str, AfterValidator(_hook), Named("address")] | None = Field(
        default=None,
        description="An address that gets each as a signed JSON document.",
        examples=["https://ops.example.com/hook"],
    )
    secret: SecretValue | None = Field(
        default=None,
        repr=False,
        description="What the webhook's documents are signed with.",
        examples=[{"file": "/etc/envmgr/hook-secret"}],
    )
    on: tuple[NoticeWord, ...] = Field(
        default=("failed", "recovered", "expires-soon", "waiting", "drift"),
        min_length=1,
        description="Of what it is told; `*`: of every event, each as it is.",
        examples=[["failed", "recovered"]],
    )
    repositories: tuple[Text, ...] = Field(
        default=(), description="Of which repositories; none: of all.", examples=[["shop"]]
    )

    template: Annotated[Text, AfterValidator(_template)] | None = Field(
        default=None,
        description="What a message of one event says, with {environment}, {organization}, {repository}, {name}, {kind}, "
        "{message}, {actor}, {commit} and {url} in it; without it its message and its link.",
        examples=["{environment} {kind}: {message}"],
    )

    @model_validator(mode="after")
    def _check_way(self) -> Self:
        if (self.url is None) == (self.webhook is None):
            raise ValueError("give either url or webhook")
        if (self.webhook is None) != (self.secret is None):
            raise ValueError("a webhook needs a secret, and a url none")
        if self.webhook is not None and self.template is not None:
            raise ValueError("a webhook gets documents; a template is for a url")
        return self
