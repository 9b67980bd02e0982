"""Bringing what changed to where a site is served from."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from envmgr.domain.errors import EnvmgrError
from envmgr.host.children.run_log import printable
from envmgr.host.uploads.frame import Say

from .destination import Destination
from .files import OWN, SiteFile, SiteFiles
from .headers import is_page
from .record import LARGEST, Entry, Record

_AT_ONCE = 8
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be done: files to send, files that only have other headers, names to delete; the rest is there."""

    send: tuple[SiteFile, ...]
    relabel: tuple[SiteFile, ...]
    delete: tuple[str, ...]

    @classmethod
    def between(cls, files: Iterable[SiteFile], there: Mapping[str, str], record: Record) -> "Changes":
        """What the record does not know in just the version that is there is sent: somebody altered it, or it is new."""
        send, relabel, wanted = [], [], set()
        for file in files:
            wanted.add(file.name)
            entry = record.get(file.name) or Entry()
            if entry.sha256 != file.sha256 or entry.version != there.get(file.name):
                send.append(file)
            elif entry.headers != file.headers:
                relabel.append(file)
        gone = (name for name in there if name not in wanted and record.get(name))
        return cls(tuple(send), tuple(relabel), tuple(gone))

    def __bool__(self) -> bool:
        return bool(self.send or self.relabel or self.delete)


class Synchronisation:
    """One pass from a folder to its destination.

    `owner` stands for the step: what other steps brought there is not its own. `check` is asked all the while.
    """

    def __init__(self, destination: Destination, owner: str, say: Say, check: Callable[[], None]) -> None:
        self._destination = destination
        self._key = f"{OWN}{hashlib.sha256(owner.encode()).hexdigest()[:16]}.json"
        self._say = say
        self._check = check

    def run(self, site: SiteFiles) -> None:
        """Sends assets, then pages; deletes pages, then assets: no page names a file that is not there.

        The record says first what is about to be sent, so that it is known as envmgr's whenever this ends.
        """
        files = site.read(self._destination.refusal)
        record = self._record()
        there = self._there(files, record, self._check)
        changes = Changes.between(files, there, record)
        if changes:
            new = [(file.name, Entry()) for file in changes.send if not record.get(file.name)]
            record = record.with_(new)
            if new:
                self._keep(record)
            self._bring(changes, site, record, files)
        self._summarise(changes, len(files))

    def _bring(self, changes: Changes, site: SiteFiles, record: Record, files: list[SiteFile]) -> None:
        done: dict[str, tuple[SiteFile, str]] = {}

        def send(file: SiteFile) -> str:
            with site.body(file) as body:
                version = self._destination.put(file.name, body, file.size, file.headers)
            done[file.name] = file, version
            return f"sent {file.name} ({file.size} bytes)"

        def relabel(file: SiteFile) -> str:
            entry = record.get(file.name) or Entry()
            version = self._destination.set_headers(file.name, entry.version, file.headers)
            done[file.name] = file, version
            return f"changed the headers of {file.name}"

        try:
            for pages in (False, True):
                self._each(send, [file for file in changes.send if is_page(file.name) is pages])
            self._each(relabel, changes.relabel)
            for pages in (True, False):
                self._each(self._delete, [name for name in changes.delete if is_page(name) is pages])
        except BaseException:
            with suppress(EnvmgrError):  # what is not noted is sent again
                self._settle(record, files, done)
            raise
        self._settle(record, files, done)

    def _delete(self, name: str) -> str:
        self._destination.delete(name)
        return f"deleted {name}"

    def _each(self, work: Callable[[_T], str], items: Iterable[_T]) -> None:
        """Several at once; after the first failure nothing new begins."""

        def one(item: _T) -> str:
            self._check()
            try:
                return work(item)
            except Exception:
                self._check()  # a library may have made another failure of the step's end
                raise

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for said in pool.map(one, items):
                self._say(f"{self._destination.where}: {printable(said)}")

    def _settle(
        self, record: Record, files: list[SiteFile], done: Mapping[str, tuple[SiteFile, str]]
    ) -> None:
        """Notes the versions of what was done, unless somebody altered it since, and forgets what is not there.

        Also after the step's end, whatever it was: else a site too large for its time would begin anew for ever.
        """
        there = self._there(files, record)
        sent = [
            (name, Entry(file.sha256, file.headers, there[name]))
            for name, (file, version) in done.items()
            if there.get(name, "").startswith(version)
        ]
        self._keep(record.with_(sent).only(there))

    def _there(
        self, files: list[SiteFile], record: Record, check: Callable[[], None] = lambda: None
    ) -> dict[str, str]:
        """The versions of what is ours or is to be; a bucket may hold any amount of other things."""
        wanted = {file.name for file in files}
        found = {}
        for name, version in self._destination.versions():
            check()
            if name in wanted or record.get(name):
                found[name] = version
        return found

    def _record(self) -> Record:
        content = self._destination.read(self._key, LARGEST + 1)
        if content is None:
            return Record()
        try:
            return Record.from_json(content)
        except ValueError:
            self._say(
                f"{self._destination.where}: the record {self._key} cannot be read: everything is sent, nothing is deleted"
            )
            return Record()

    def _keep(self, record: Record) -> None:
        self._destination.write(self._key, record.to_json())

    def _summarise(self, changes: Changes, files: int) -> None:
        sent, relabelled = len(changes.send), len(changes.relabel)
        size = sum(file.size for file in changes.send)
        self._say(
            f"{self._destination.where}: {sent} sent ({size} bytes), {relabelled} with other headers, "
            f"{files - sent - relabelled} unchanged, {len(changes.delete)} deleted"
        )
