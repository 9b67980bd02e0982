"""Images of a registry that environments follow as they follow a branch."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from envmgr.config.sections.section import Section
from envmgr.config.sections.values import Named, SecretValue, Text, VariableName

_IMAGE = re.compile(
    r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)+"
)


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise ValueError(
            "it must be a registry's host and a repository in it, without a tag, such as registry.example.com/acme/shop"
        )
    return value


class RegistryCredentials(Section):
    """How a registry lets envmgr in."""

    username: Text = Field(description="The user's name.", examples=["bot"])
    password: SecretValue = Field(
        repr=False,
        description="The password or access token.",
        examples=[{"file": "/etc/envmgr/registry-token"}],
    )


class Image(Section):
    """An image of a registry whose newest digest is an input variable; a new one is a change like a push."""

    variable: VariableName = Field(
        description="The input variable that gets it, as `IMAGE@DIGEST`.", examples=["image"]
    )
    image: Annotated[str, AfterValidator(_image), Named("image")] = Field(
        description="The image without a tag: the registry's host and the repository in it.",
        examples=["registry.example.com/acme/shop"],
    )
    tags: Text = Field(
        description="Which tags count; `*` matches any run of characters, and of several the newest version is taken.",
        examples=["1.*"],
    )
    credentials: RegistryCredentials | None = Field(
        default=None,
        description="The credentials for the registry.",
        examples=[{"username": "bot", "password": {"file": "/etc/envmgr/registry-token"}}],
    )


def check_one_each(images: Sequence[Image]) -> None:
    """Raises ValueError where two images are for the same variable."""
    variables = [image.variable for image in images]
    if len({*variables}) < len(variables):
        raise ValueError("images: two are for the same variable; remove one")
