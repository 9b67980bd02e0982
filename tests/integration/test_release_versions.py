"""Versions that are fetched: only what their makers signed is ever kept, and only whole."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from envmgr.adapters.releases import source as sources
from envmgr.adapters.releases.kept import KeptReleases
from envmgr.adapters.releases.signature import is_signed, pinned_key
from envmgr.adapters.releases.source import FolderSource, Source, WebSource
from envmgr.adapters.terraform.versions import Versions
from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient
from tests.support.on_disk import Disk
from tests.support.release_server import ReleaseFiles, signing_key
from tests.support.scripted_http import Reply, Request, ScriptedHttp


@pytest.fixture
def published() -> ReleaseFiles:
    """Two releases."""
    files = ReleaseFiles()
    files.release("1.11.4")
    files.release("1.12.0")
    return files


def releases(published: ReleaseFiles, folder: Path, source: Source | None = None) -> KeptReleases:
    """Kept below a folder, verified by the key that they were published with."""
    key = published.public_key(folder / "key.pgp")
    source = source or FolderSource(published.tool, published.write(folder / "offline"))
    return KeptReleases(published.tool, folder / "versions", source, [key])


def test_a_version_is_fetched_once_and_runs(published: ReleaseFiles, tmp_path: Path) -> None:
    """From a mirror; the second time nobody is asked."""
    mirror = published.server()
    with mirror.http:
        kept = releases(published, tmp_path, WebSource("terraform", mirror.url, {}))
        assert sorted(kept.offered()) == ["1.11.4", "1.12.0"]
        path = kept.install("1.12.0")
        asked = len(mirror.asked)
        assert kept.install("1.12.0") == path == kept.find("1.12.0")
        assert sorted(kept.offered()) == ["1.11.4", "1.12.0"]
        assert len(mirror.asked) == asked
    assert Versions(tmp_path / "cache.json", (1, 10)).version(path) == "1.12.0"
    assert [each.version for each in kept.kept()] == ["1.12.0"]


def test_a_folder_will_do(published: ReleaseFiles, tmp_path: Path) -> None:
    """As on a host without a way out: in a folder for each version, or all together."""
    kept = releases(published, tmp_path)
    assert kept.find("1.11.4") is None
    kept.install("1.11.4")
    flat = tmp_path / "flat"
    flat.mkdir()
    for name, content in published.files.items():
        (flat / name.partition("/")[2]).write_bytes(content)
    source = FolderSource("terraform", flat)
    assert sorted(source.versions()) == ["1.11.4", "1.12.0"]
    again = KeptReleases("terraform", tmp_path / "other", source, [tmp_path / "key.pgp"])
    assert again.find("1.12.0") is None
    assert again.install("1.12.0").endswith("1.12.0/terraform")


def test_opentofu_as_its_makers_name_it(tmp_path: Path) -> None:
    """Other names of the files, of the signature and of the program."""
    files = ReleaseFiles("opentofu")
    files.release("1.9.1")
    assert releases(files, tmp_path).install("1.9.1").endswith("1.9.1/tofu")


def test_opentofus_own_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of another form on one server; files below a tag on another, which has them on a third; cosign's beside GPG's."""
    files = ReleaseFiles("opentofu")
    for version in ("1.11.14", "1.12.6"):
        files.release(version)
        for end in ("sig", "pem"):
            files.files[f"{version}/tofu_{version}_SHA256SUMS.{end}"] = b"cosign's"
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.path)
        if request.path == "/tofu/api.json":
            listed: list[object] = [
                {"id": version, "files": []} for version in ("1.13.0-alpha1", "1.12.6", "1.11.14")
            ]
            return Reply(200, json.dumps({"versions": listed}).encode())
        tag = request.path.removeprefix("/opentofu/opentofu/releases/download/v")
        if tag != request.path:
            return Reply(302, b"", {"Location": f"/storage/{tag}?signed=x"})
        found = files.files.get(request.path.removeprefix("/storage/").partition("?")[0])
        return Reply(404, b"") if found is None else Reply(200, found)

    with ScriptedHttp(answer) as server:
        host = f"http://127.0.0.1:{server.port}"
        places = tuple(
            place.replace("https://get.opentofu.org", host).replace("https://github.com", host)
            for place in sources._MAKERS["opentofu"]
        )
        monkeypatch.setitem(sources._MAKERS, "opentofu", places)
        kept = releases(files, tmp_path, WebSource("opentofu", None, {}))
        assert sorted(kept.offered()) == ["1.11.14", "1.12.6", "1.13.0-alpha1"]
        assert kept.install("1.12.6").endswith("1.12.6/tofu")
        with pytest.raises(NeedsPerson, match="There is no"):
            kept.install("1.13.0-alpha1")
    assert not [path for path in asked if path.endswith((".pem", "SUMS.sig"))]
    stranger = KeptReleases(
        "opentofu", tmp_path / "others", FolderSource("opentofu", tmp_path / "offline"), []
    )
    files.write(tmp_path / "offline")
    with pytest.raises(NeedsPerson, match="not signed by its makers"):
        stranger.install("1.12.6")


def _other_archive(files: ReleaseFiles) -> None:
    files.files[files.named(".zip")] += b"more"


def _other_sums(files: ReleaseFiles) -> None:
    files.files[files.named("SHA256SUMS")] += b"\n"


def _other_key(files: ReleaseFiles) -> None:
    stranger = ReleaseFiles(key=signing_key())
    stranger.release("1.11.4")
    files.files |= stranger.files


def _no_signature(files: ReleaseFiles) -> None:
    del files.files[files.named(".sig")]


def _cut_signature(files: ReleaseFiles) -> None:
    name = files.named(".sig")
    files.files[name] = files.files[name][:-20]


def _not_of_this_machine(files: ReleaseFiles) -> None:
    files.release("1.11.4", platform="plan9_mips")


def _no_program(files: ReleaseFiles) -> None:
    files.release("1.11.4", program="../terraform")


def _no_archive(files: ReleaseFiles) -> None:
    files.publish("1.11.4", b"no archive at all")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_other_archive, "another checksum"),
        (_other_sums, "not signed by its makers"),
        (_other_key, "not signed by its makers"),
        (_no_signature, "There is no"),
        (_cut_signature, "not signed by its makers"),
        (_not_of_this_machine, "no build for this machine"),
        (_no_program, "has no terraform in it"),
        (_no_archive, "has no terraform in it"),
    ],
)
def test_what_is_not_as_its_makers_signed_it_is_thrown_away(
    spoil: Callable[[ReleaseFiles], None], said: str, tmp_path: Path
) -> None:
    """And leaves nothing behind that could pass for a version later."""
    files = ReleaseFiles()
    files.release("1.11.4")
    spoil(files)
    kept = releases(files, tmp_path)
    with pytest.raises(NeedsPerson, match=said):
        kept.install("1.11.4")
    assert kept.kept() == []
    assert {path.name for path in (tmp_path / "versions").iterdir()} == {".lock"}


def test_a_key_that_has_ended_proves_nothing(
    published: ReleaseFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the signature says that it is older: whoever finds such a key may date one back."""
    kept = releases(published, tmp_path)
    published.public_key(tmp_path / "key.pgp", datetime.now(UTC) + timedelta(hours=1))
    kept.install("1.12.0")
    clock = SimpleNamespace(now=lambda zone: datetime.now(zone) + timedelta(hours=2))
    monkeypatch.setattr("envmgr.adapters.releases.signature.datetime", clock)
    with pytest.raises(NeedsPerson, match="not signed"):
        kept.install("1.11.4")


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (Reply(500, b""), Transient, "answered 500"),
        (Reply(404, b""), NeedsPerson, r"There is no .* \(404\)"),
        (Reply(200, b"<html>"), Transient, "did not answer with a list"),
        (Reply(200, b'{"versions": 7}'), Transient, "did not answer with a list"),
        (Reply(302, b"", {"Location": "http://127.0.0.1:1/x"}), Transient, "did not answer"),
    ],
)
def test_a_source_that_is_away_or_wrong(
    published: ReleaseFiles, tmp_path: Path, reply: Reply, kind: type[EnvmgrError], said: str
) -> None:
    """Is told from one that has no such version, as trying again helps only with the first."""
    mirror = published.server(lambda _: reply)
    with mirror.http:
        kept = releases(published, tmp_path, WebSource("terraform", mirror.url, {}))
        with pytest.raises(kind, match=said):
            kept.offered()


def test_a_slow_source_is_given_up(published: ReleaseFiles, tmp_path: Path) -> None:
    """Within the time of one file."""

    def slow(_: Request) -> Reply | None:
        time.sleep(1.5)
        return None

    mirror = published.server(slow)
    with mirror.http:
        kept = releases(published, tmp_path, WebSource("terraform", mirror.url, {}, seconds=0.5))
        with pytest.raises(Transient, match="did not answer"):
            kept.install("1.11.4")


def test_what_nothing_needs_goes_after_a_while(published: ReleaseFiles, tmp_path: Path) -> None:
    """And what is needed stays, however long ago it was asked for."""
    kept = releases(published, tmp_path)
    for version in ("1.11.4", "1.12.0"):
        os.utime(Path(kept.install(version)).parent, (1, 1))
    assert kept.prune(["1.11.4"]) == 1
    assert [each.version for each in kept.kept()] == ["1.11.4"]
    assert kept.remove("1.11.4")
    assert not kept.remove("1.11.4")
    assert not kept.remove("../../etc")


def test_what_is_kept_outlives_a_power_cut(
    published: ReleaseFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A destroy relies on it, with nobody to have it from again."""
    disk, kept = Disk(monkeypatch), releases(published, tmp_path)
    path = Path(kept.install("1.12.0"))
    assert disk.holds(path, tmp_path / "versions")


def test_what_a_process_left_that_died_goes(published: ReleaseFiles, tmp_path: Path) -> None:
    """Half of a version that it fetched, and one that it was removing; what is kept stays."""
    kept = releases(published, tmp_path)
    kept.install("1.12.0")
    for left in (".part-x/1.11.4", ".gone-x/gone"):
        (tmp_path / "versions" / left).mkdir(parents=True)
        (tmp_path / "versions" / left / "terraform").write_text("half")
    assert kept.prune([]) == 0
    assert sorted(path.name for path in (tmp_path / "versions").iterdir()) == [".lock", "1.12.0"]


def test_keys_are_changed_while_both_are_given(published: ReleaseFiles, tmp_path: Path) -> None:
    """As makers change theirs: what either signed is taken; once the old one is given no more, what it signed is not."""
    newer = ReleaseFiles(key=signing_key())
    newer.release("1.13.0")
    old, new = published.public_key(tmp_path / "old.pgp"), newer.public_key(tmp_path / "new.pgp")
    published.write(tmp_path / "offline")
    source = FolderSource("terraform", newer.write(tmp_path / "offline"))
    both = KeptReleases("terraform", tmp_path / "both", source, [old, new])
    assert [both.install(each).split("/")[-2] for each in ("1.12.0", "1.13.0")] == ["1.12.0", "1.13.0"]
    one = KeptReleases("terraform", tmp_path / "one", source, [new])
    one.install("1.13.0")
    with pytest.raises(NeedsPerson, match="not signed by its makers"):
        one.install("1.12.0")


def test_the_makers_keys_are_those_they_publish() -> None:
    """By their fingerprints, which are published apart from the keys."""
    from pysequoia import Cert

    found = [Cert.from_bytes(pinned_key("terraform")), Cert.from_bytes(pinned_key("opentofu"))]
    assert [cert.fingerprint for cert in found] == [
        "c874011f0ab405110d02105534365d9472d7468f",
        "e3e6e43d84cb852eadb0051d0c0af313e5fd9f80",
    ]
    assert not is_signed(b"x", b"", [pinned_key("terraform")])
