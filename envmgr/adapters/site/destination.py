"""Where a site is served from, as envmgr needs it."""

from collections.abc import Iterator
from typing import IO, Protocol

from .headers import Headers


class Destination(Protocol):
    """A bucket or container; it is there already, and whether it is public is not envmgr's to say.

    All raise NeedsPerson, Refused where the provider says no, and Transient; methods may be called by several threads at once.
    """

    @property
    def where(self) -> str:
        """Its name for a sentence: `bucket acme-shop-alice`."""
        ...

    def refusal(self, name: str) -> str:
        """Why it cannot keep an object by this name, empty where it can."""
        ...

    def versions(self) -> Iterator[tuple[str, str]]:
        """All objects by name, each with what changes whenever its bytes or headers do."""
        ...

    def read(self, name: str, most: int) -> bytes | None:
        """The first `most` bytes of an object, None where there is none."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Writes a small object that no cache is to keep."""
        ...

    def put(self, name: str, body: IO[bytes], size: int, headers: Headers) -> str:
        """Writes an object of `size` bytes, piece by piece; gives what its version begins with."""
        ...

    def set_headers(self, name: str, version: str, headers: Headers) -> str:
        """Gives an object other headers without sending it again, as long as it has that version.

        Gives what its new version begins with.
        """
        ...

    def delete(self, name: str) -> None:
        """Deletes an object; nothing where there is none."""
        ...
