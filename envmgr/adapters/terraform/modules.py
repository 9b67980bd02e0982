"""Modules from elsewhere, as `init` has them in the data folder: known by their content, kept, and put back.

A destroy must find the very code that was applied, though the modules' host is gone, or another commit's `init` has
put others in their place. Terraform takes what its list names and the folder holds without asking the host again.
"""

import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.host.leftovers import clear
from envmgr.host.strange import content, plain

from .backend import write_new

_LIST = "modules.json"
_FOLDER = "modules"
# A commit, or what is a version by its look.
_FIXED = re.compile(r"[0-9a-f]{40}|v?\d+(\.\d+)+([-+.][0-9A-Za-z.+-]+)?")
_REF = re.compile(r"[?&]ref=([^&]*)")
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
_LARGEST_LIST = 8 * 1024 * 1024
_LARGEST_FOLDER = 1024**3
_MOST_FILES = 200_000
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Module:
    """An entry of Terraform's list: `key` names the call, `folder` where its code is within the modules' folder."""

    key: str
    source: str
    version: str
    folder: str

    @property
    def is_moving(self) -> bool:
        """Whether its source may give other code tomorrow: no version, and no commit or version as its ref."""
        ref = _REF.search(self.source)
        return not self.version and (ref is None or _FIXED.fullmatch(ref[1]) is None)


class ModuleFolder:
    """The modules of one data folder."""

    def __init__(self, data: Path) -> None:
        """Of the workspace's data folder; nothing need be there."""
        self._folder = data / _FOLDER

    def elsewhere(self) -> list[Module]:
        """The modules that came from elsewhere, those that are called by them left out."""
        return [m for m in self._modules() if not _is_local(m.source)]

    def moving(self) -> list[Module]:
        """Those of them whose source may give other code tomorrow."""
        return [m for m in self.elsewhere() if m.is_moving]

    def digest(self) -> str:
        """The same for the same calls with the same code; empty where nothing came from elsewhere."""
        if not self.elsewhere():
            return ""
        found = sha256()
        try:
            for name, path, size in self._sized():
                found.update(f"{name}\0{size}\0".encode("utf-8", "surrogateescape"))
                with plain(path) as file:
                    while chunk := file.read(_CHUNK):
                        found.update(chunk)
        except OSError as error:
            raise self._unreadable(error) from error
        found.update(self._listed().encode())
        return found.hexdigest()

    def forget_moving(self) -> None:
        """Has the next `init` read those anew whose source may have moved, and what they call."""
        gone = tuple(f"{m.key}." for m in self.moving())
        if gone:
            listed = self._read()
            left = [e for e in listed["Modules"] if not f"{e['Key']}.".startswith(gone)]
            self._write({**listed, "Modules": left})

    def pack(self, archive: Path) -> None:
        """Writes all of them to an archive, without their git folders."""
        try:
            with zipfile.ZipFile(archive, "x", zipfile.ZIP_DEFLATED) as packed:
                packed.writestr(_LIST, self._listed())
                for name, path, size in self._sized():
                    entry = zipfile.ZipInfo(f"{_FOLDER}/{name}")
                    entry.compress_type, entry.file_size = zipfile.ZIP_DEFLATED, size
                    with plain(path) as file, packed.open(entry, "w") as copy:
                        shutil.copyfileobj(file, copy, _CHUNK)
        except OSError as error:
            raise self._unreadable(error) from error

    def unpack(self, archive: Path, limit: int = _LARGEST_FOLDER + _LARGEST_LIST) -> None:
        """Puts an archive in the place of all that is there; NeedsPerson where it is none of ours."""
        new = self._folder.with_name(f"{_FOLDER}.new")
        try:
            clear(new)
            new.mkdir(mode=0o700, parents=True)
            with zipfile.ZipFile(archive) as packed:
                if sum(each.file_size for each in packed.infolist()) > limit:
                    raise ValueError
                for each in packed.infolist():
                    if each.filename != _LIST:
                        _put(new, packed, each)
                listed = json.loads(packed.read(_LIST))
            for entry in listed["Modules"]:
                if "Elsewhere" in entry:
                    entry["Dir"] = str(self._folder / _inside(entry.pop("Elsewhere")))
            clear(self._folder)
            new.rename(self._folder)
            # The list last: code that it does not name counts for nothing.
            self._write(listed)
        except (*_UNREADABLE, zipfile.BadZipFile) as error:
            raise NeedsPerson("The modules that are kept beside the state cannot be read.") from error

    def _modules(self) -> list[Module]:
        """Those whose code is in the folder."""
        return [
            Module(entry["Key"], entry["Source"], entry.get("Version", ""), folder)
            for entry in self._read()["Modules"]
            if (folder := self._within(entry["Dir"])) is not None
        ]

    def _within(self, directory: str) -> str | None:
        path = Path(directory)
        return path.relative_to(self._folder).as_posix() if path.is_relative_to(self._folder) else None

    def _listed(self) -> str:
        """Terraform's list, whatever the data folder's place."""
        entries = []
        for entry in self._read()["Modules"]:
            folder = self._within(entry["Dir"])
            rest = {key: value for key, value in entry.items() if key != "Dir"}
            entries.append(entry if folder is None else {**rest, "Elsewhere": folder})
        return json.dumps({"Modules": entries}, sort_keys=True)

    def _sized(self) -> Iterator[tuple[str, Path, int]]:
        """The files with their sizes; NeedsPerson for more than modules are, as code of a branch may add to them."""
        total = 0
        for name, path in self._files():
            size = path.stat().st_size
            total += size
            if total > _LARGEST_FOLDER:
                raise self._too_much()
            yield name, path, size

    def _files(self) -> Iterator[tuple[str, Path]]:
        """The files of the listed modules by their names, and where links within lead.

        Without git's own, links that lead out, and names that are no text.
        """
        root = self._folder.resolve()
        for package in sorted({m.folder.partition("/")[0] for m in self._modules()}):
            found = list(islice((self._folder / package).rglob("*"), _MOST_FILES + 1))
            if len(found) > _MOST_FILES:
                raise self._too_much()
            for path in sorted(found):
                name = path.relative_to(self._folder)
                is_named = ".git" not in name.parts and _is_text(str(name))
                if is_named and path.is_file() and (real := path.resolve()).is_relative_to(root):
                    yield name.as_posix(), real

    def _too_much(self) -> NeedsPerson:
        return NeedsPerson(
            f"A module that Terraform fetched to {self._folder} is more than {_MOST_FILES:,} files or 1GiB: call a "
            "smaller one."
        )

    def _unreadable(self, error: OSError) -> Transient:
        return Transient(f"The modules in {self._folder} cannot be read: {error.strerror}.")

    def _read(self) -> Mapping[str, Any]:
        path = self._folder / _LIST
        try:
            if self._folder.is_symlink():
                return {"Modules": []}  # not of Terraform's making
            found = json.loads(content(path, _LARGEST_LIST) or b"")
            return {"Modules": [entry for entry in found["Modules"] if _is_entry(entry)]}
        except _UNREADABLE:
            return {"Modules": []}

    def _write(self, listed: Mapping[str, Any]) -> None:
        path = self._folder / _LIST
        new = path.with_suffix(".new")
        clear(new)
        write_new(new, json.dumps(listed))
        new.replace(path)


def names(modules: Sequence[Module]) -> tuple[str, ...]:
    """How people know modules: by their call and their source."""
    return tuple(f"{m.key} ({m.source})" for m in modules)


def _is_text(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _is_entry(entry: Mapping[str, Any]) -> bool:
    texts = (entry["Key"], entry["Source"], entry["Dir"], entry.get("Version", ""))
    return all(isinstance(text, str) for text in texts)


def _is_local(source: str) -> bool:
    return source.startswith(("./", "../")) or not source


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError(name)
    return path


def _put(root: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    path = root / _inside(entry.filename.removeprefix(f"{_FOLDER}/"))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with archive.open(entry) as content, path.open("wb") as file:
        shutil.copyfileobj(content, file, _CHUNK)
