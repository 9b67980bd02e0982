"""Who is told of what happens, beside the forge."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from envmgr.config.sections.section import Section
from envmgr.config.sections.values import Named, SecretValue, Text
from envmgr.config.settings import LOOPBACK


def _hook(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.password is not None:
        raise ValueError("it must be an address, such as https://ops.example.com/hook")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("what is told would cross the network unprotected; write https://")
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
    on: tuple[Text, ...] = Field(
        default=("failed", "recovered", "expires-soon", "waiting", "drift"),
        description="Of what it is told; `*`: of everything.",
        examples=[["failed", "recovered"]],
    )
    repositories: tuple[Text, ...] = Field(
        default=(), description="Of which repositories; none: of all.", examples=[["shop"]]
    )

    @model_validator(mode="after")
    def _check_way(self) -> Self:
        if (self.url is None) == (self.webhook is None):
            raise ValueError("give either url or webhook")
        if (self.webhook is None) != (self.secret is None):
            raise ValueError("a webhook needs a secret, and a url none")
        return self
