"""How envmgr signs in to a forge."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from envmgr.domain.errors import NeedsOperator


class SignIn(Protocol):
    """What is sent along so that the forge knows envmgr. Safe for several threads at once."""

    def headers(self) -> Mapping[str, str]:
        """The headers, as they are now: a rotated token is used from the next call on."""
        ...

    def renew(self) -> bool:
        """After a refusal: whether there are other credentials now, so that it is worth another try."""
        ...


def header_value(value: str, where: str) -> str:
    """A secret that goes into a header, checked: with a line break in it, it would be two."""
    if not value or not value.isascii() or not value.isprintable() or value != value.strip():
        raise NeedsOperator(
            f"The token for {where} has characters that none has: store it alone, on one line, without quotes."
        )
    return value


@dataclass(frozen=True, slots=True)
class TokenSignIn:
    """By a token that `read` gives, in one header; `form` is what stands around it there."""

    read: Callable[[], str] = field(repr=False)
    where: str
    name: str = "Authorization"
    form: str = "Bearer {}"

    def headers(self) -> Mapping[str, str]:
        """See SignIn."""
        return {self.name: self.form.format(header_value(self.read(), self.where))}

    def renew(self) -> bool:
        """See SignIn: there is but the one."""
        return False
