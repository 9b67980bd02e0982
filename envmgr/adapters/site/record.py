"""What envmgr knows of the files that it brought to a bucket: its record lies there itself."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from .headers import Headers

_ABOUT = "What envmgr uploaded here, by the SHA-256 of each name. Without it nothing of that is ever deleted."
UNKNOWN = ""
LARGEST = 64 * 1024 * 1024
"""The bytes of a record that is read at most; 100,000 files are some 25 MB."""
_NO_HEADERS = Headers("")


@dataclass(frozen=True, slots=True)
class Entry:
    """What was sent, and the version that the store gave it; UNKNOWN from before sending until it is seen there."""

    sha256: str = ""
    headers: Headers = _NO_HEADERS
    version: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class Record:
    """Entries by the hash of the name: who may read the site, and so perhaps this, learns no name from it."""

    entries: Mapping[str, Entry] = field(default_factory=dict)

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Read back; ValueError where it is none, or a larger one than LARGEST."""
        if len(content) > LARGEST:
            raise ValueError("too large for a record of a site")
        try:
            files = json.loads(content)["files"]
            return cls({key: _entry(values) for key, values in files.items()})
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("not the record of a site") from error

    def to_json(self) -> bytes:
        """As it is stored."""
        files = {key: _values(entry) for key, entry in sorted(self.entries.items())}
        return json.dumps({"about": _ABOUT, "files": files}, separators=(",", ":")).encode()

    def get(self, name: str) -> Entry | None:
        """The entry of a name."""
        return self.entries.get(_key(name))

    def with_(self, entries: Iterable[tuple[str, Entry]]) -> "Record":
        """The same with these in place of what it has of their names."""
        return Record({**self.entries, **{_key(name): entry for name, entry in entries}})

    def only(self, names: Iterable[str]) -> "Record":
        """The same without all other names."""
        kept = {_key(name) for name in names}
        return Record({key: entry for key, entry in self.entries.items() if key in kept})


def _key(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _values(entry: Entry) -> list[str]:
    return [entry.sha256, entry.headers.content_type, entry.headers.cache_control, entry.version]


def _entry(values: object) -> Entry:
    if not (isinstance(values, list) and len(values) == 4 and all(isinstance(v, str) for v in values)):
        raise ValueError("not an entry of a site's record")
    sha256, content_type, cache_control, version = values
    return Entry(sha256, Headers(content_type, cache_control), version)
