"""Static sites before anything is sent: headers, which files can go, what the record keeps, what is to be done."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.adapters.site.azure_blob import Container
from envmgr.adapters.site.files import SiteFile, SiteFiles
from envmgr.adapters.site.headers import Headers, headers_of, is_page
from envmgr.adapters.site.record import LARGEST, Entry, Record
from envmgr.adapters.site.s3 import Bucket
from envmgr.adapters.site.synchronisation import Changes
from envmgr.domain.errors import Interrupted, NeedsPerson, Transient
from envmgr.host.credentials.azure import AzureAccount
from envmgr.host.uploads.folder import Folder

AWS = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
PLAIN = Headers("text/plain; charset=utf-8")

texts = st.text(st.characters(exclude_categories=["Cs"]))
entries = st.builds(Entry, texts, st.builds(Headers, texts, texts), texts)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("a/INDEX.HTM", "text/html; charset=utf-8"),
        ("app.min.js", "text/javascript; charset=utf-8"),
        ("data.json", "application/json; charset=utf-8"),
        ("logo.svg", "image/svg+xml; charset=utf-8"),
        ("font.woff2", "font/woff2"),
        ("module.wasm", "application/wasm"),
        ("photo.JPEG", "image/jpeg"),
        (".htaccess", "application/octet-stream"),
        ("LICENSE", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("dir.html/file", "application/octet-stream"),
    ],
)
def test_a_type_is_by_the_suffix(name: str, content_type: str) -> None:
    """And by nothing of this host."""
    assert headers_of(name, {}) == Headers(content_type)


def test_the_first_pattern_that_matches_counts() -> None:
    """`*` is any run of characters, slashes too."""
    rules = {"*.html": "no-cache", "assets/*": "immutable", "a?": "never"}
    assert headers_of("assets/deep/app.html", rules).cache_control == "no-cache"
    assert headers_of("assets/deep/app.js", rules).cache_control == "immutable"
    assert headers_of("ab", rules).cache_control == ""


@pytest.mark.parametrize(
    ("name", "page"), [("a.html", True), ("A.HTM", True), ("html", False), ("a.js", False)]
)
def test_a_page_is_what_names_others(name: str, page: bool) -> None:
    assert is_page(name) is page


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A checkout's folder with one file."""
    folder = tmp_path / "checkout" / "public"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("abc")
    return folder


def nothing() -> None:
    """No step's end."""


def site(public: Path) -> SiteFiles:
    """The files of the folder."""
    return SiteFiles(Folder(public.parent, public), {"*": "no-cache"}, nothing)


def refused(public: Path) -> str:
    """Why the folder is not sent."""
    with pytest.raises(NeedsPerson) as caught:
        site(public).read(lambda _: "")
    return str(caught.value)


def test_a_file_is_known_by_its_bytes(public: Path) -> None:
    (file,) = site(public).read(lambda _: "")
    assert (file.name, file.size, file.headers.cache_control) == ("a.txt", 3, "no-cache")
    assert file.sha256.startswith("ba7816bf")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a\nb", "its name has control characters"),
        ("a\x1b[31mb", "its name has control characters"),
        (os.fsdecode(b"a\xff"), "its name is not UTF-8"),
        (".envmgr-site-1.json", "names that begin with .envmgr-site- are envmgr's own"),
        ("/".join("é" * 100 for _ in range(6)), "its name is longer than 1024 bytes"),
    ],
)
def test_a_name_that_no_site_can_have_is_refused(public: Path, name: str, why: str) -> None:
    (public / name).parent.mkdir(parents=True, exist_ok=True)
    (public / name).write_text("x")
    assert refused(public).endswith(f" cannot be sent: {why}.")


def test_a_destination_may_refuse_a_name(public: Path) -> None:
    with pytest.raises(NeedsPerson, match=r"public/a\.txt cannot be sent: not here"):
        site(public).read(lambda name: "not here" if name == "a.txt" else "")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "/etc"])
def test_a_link_out_of_the_checkout_is_refused(public: Path, target: str) -> None:
    (public.parent.parent / "secret").write_text("s3cr3t")
    (public / "x").symlink_to(target)
    assert refused(public) == "public/x is a link that leads out of the checkout: it is not sent."


def test_a_link_within_the_checkout_is_followed(public: Path) -> None:
    (public.parent / "shared.txt").write_text("shared")
    (public / "b.txt").symlink_to("../shared.txt")
    assert [file.size for file in site(public).read(lambda _: "")] == [3, 6]


def test_an_empty_folder_is_refused(public: Path) -> None:
    """It would delete the whole site."""
    (public / "a.txt").unlink()
    (public / ".git").write_text("gitdir: elsewhere")
    assert refused(public) == "the folder public holds no files: there is nothing to send."


def test_a_folder_that_is_not_there_is_refused(public: Path) -> None:
    assert refused(public / "dist") == "there is no folder dist; does a step before make it?"


def test_what_is_no_file_is_refused(public: Path) -> None:
    os.mkfifo(public / "pipe")
    assert "public/pipe is not a regular file" in refused(public)


def test_a_file_above_the_limit_is_refused(public: Path) -> None:
    """Before it is read."""
    os.truncate(public / "a.txt", 5 * 1000**3 + 1)
    assert refused(public) == "public/a.txt cannot be sent: it is larger than 5 GB."


@pytest.mark.parametrize("change", ["written", "replaced"])
def test_a_file_that_changes_on_its_way_is_told(public: Path, change: str) -> None:
    """What an earlier step left running may do so: another run sends what is there then."""
    (file,) = site(public).read(lambda _: "")
    if change == "replaced":
        (public / "new").write_text("xyz")
        (public / "new").rename(file.path)

    def send() -> None:
        with site(public).body(file) as body:
            body.read()
            if change == "written":
                file.path.write_text("xyz")

    with pytest.raises(Transient, match=r"public/a\.txt changed while it was sent"):
        send()


def test_a_file_that_grows_on_its_way_is_no_longer_than_it_was_said_to_be(public: Path) -> None:
    """The request says how many bytes follow; what more came would be read as another request."""
    (file,) = site(public).read(lambda _: "")

    def send() -> bytes:
        with site(public).body(file) as body:
            with file.path.open("a") as grown:
                grown.write("defg")
            sent.append(body.read(2) + body.read() + body.read(9))
            assert body.seek(1) == 1
            sent.append(body.read(9))
        return b"".join(sent)

    sent: list[bytes] = []
    with pytest.raises(Transient, match=r"public/a\.txt changed while it was sent"):
        send()
    assert sent == [b"abc", b"bc"]


def test_a_file_on_its_way_looks_for_the_steps_end(public: Path) -> None:
    ended: list[bool] = []

    def check() -> None:
        if ended:
            raise Interrupted("stop")

    files = SiteFiles(Folder(public.parent, public), {}, check)
    (file,) = files.read(lambda _: "")
    with files.body(file) as body:
        assert body.read(1) == b"a"
        ended.append(True)
        with pytest.raises(Interrupted):
            body.read(1)


@given(st.dictionaries(texts, entries))
def test_a_record_is_read_as_it_was_written(found: dict[str, Entry]) -> None:
    record = Record().with_(found.items())
    again = Record.from_json(record.to_json())
    assert {name: again.get(name) for name in found} == found


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"files": {}}' + b" " * LARGEST], ids=["deep", "large"]
)
def test_a_record_that_would_be_too_much_is_none(content: bytes) -> None:
    """Whoever may write to the bucket may have made it."""
    with pytest.raises(ValueError, match="record"):
        Record.from_json(content)


def test_a_record_forgets_what_is_not_there() -> None:
    record = Record().with_([("a", Entry("1")), ("b", Entry("2"))]).only(["b", "c"])
    assert (record.get("a"), record.get("b"), record.get("c")) == (None, Entry("2"), None)


def file_of(name: str, sha256: str, headers: Headers = PLAIN) -> SiteFile:
    """A file that nobody reads."""
    return SiteFile(name=name, path=Path(name), size=1, sha256=sha256, headers=headers, stamp=())


@pytest.mark.parametrize(
    ("entry", "there", "expected"),
    [
        (Entry("1", PLAIN, "v"), "v", "nothing"),
        (Entry("1", PLAIN, "v"), "other", "send"),
        (Entry("1", PLAIN, "v"), None, "send"),
        (Entry("2", PLAIN, "v"), "v", "send"),
        (Entry("1", Headers("x/y"), "v"), "v", "relabel"),
        (Entry("1", Headers("x/y"), "v"), "other", "send"),
        (Entry(), "v", "send"),
        (Entry(), None, "send"),
        (None, "v", "send"),
        (None, None, "send"),
    ],
)
def test_only_what_is_surely_there_is_not_sent(entry: Entry | None, there: str | None, expected: str) -> None:
    record = Record().with_([("a", entry)] if entry else [])
    changes = Changes.between([file_of("a", "1")], {"a": there} if there else {}, record)
    done = {"send": changes.send, "relabel": changes.relabel}
    assert [what for what, files in done.items() if files] == ([] if expected == "nothing" else [expected])
    assert changes.delete == ()
    assert bool(changes) is (expected != "nothing")


def test_only_what_the_record_has_is_deleted() -> None:
    """Also what was about to be sent when a run ended."""
    record = Record().with_([("ours", Entry("1", PLAIN, "v")), ("begun", Entry()), ("gone", Entry("1"))])
    there = {"ours": "v", "begun": "v", "stranger": "v"}
    assert Changes.between([], there, record).delete == ("ours", "begun")


@pytest.mark.parametrize("name", ["acme", "acme-shop", "a.b", "1-2", "abc", "x" * 63])
def test_a_buckets_name_is_taken(name: str) -> None:
    assert Bucket(name, AWS).where == f"bucket {name}"


@pytest.mark.parametrize(
    "name",
    [
        "arn:aws:s3:eu-west-1:123456789012:accesspoint/x",
        "arn:aws:s3:::x",
        "evil.example.com/x?",
        "a..b",
        "..",
        "ab",
        "x" * 64,
        "a b",
        "acme\n",
        "Acme",
        "",
    ],
)
def test_what_is_no_buckets_name_is_refused(name: str) -> None:
    """It may be an output, the branch's own word, and becomes a part of an address."""
    with pytest.raises(NeedsPerson, match="is not the name of a bucket: check it, and the output it is from"):
        Bucket(name, AWS)


@pytest.mark.parametrize("name", ["$web", "$root", "abc", "a-b-c", "x" * 63])
def test_a_containers_name_is_taken(name: str) -> None:
    assert Container("acme", name, {}).where == f"container {name} of storage account acme"


@pytest.mark.parametrize(
    "name",
    ["../x", "web/sub", "$logs", "a--b", "-ab", "ab-", "ab", "x" * 64, "abc?comp=acl", "abc\n", "Abc", ""],
)
def test_what_is_no_containers_name_is_refused(name: str) -> None:
    with pytest.raises(
        NeedsPerson, match="is not the name of a container: check it, and the output it is from"
    ):
        Container("acme", name, {})


@pytest.mark.parametrize(
    ("environment", "known"),
    [
        ({}, False),
        ({"ARM_ACCESS_KEY": "k"}, False),
        ({"ARM_CLIENT_ID": "c", "ARM_CLIENT_SECRET": "s"}, False),
        ({"ARM_CLIENT_ID": "c", "ARM_TENANT_ID": "t", "ARM_CLIENT_SECRET": "s"}, True),
        ({"ARM_CLIENT_ID": "c", "ARM_TENANT_ID": "t", "ARM_CLIENT_CERTIFICATE_PATH": "p"}, True),
        ({"ARM_USE_OIDC": "true"}, True),
        ({"ARM_USE_MSI": "true"}, True),
        ({"ARM_USE_MSI": "false"}, False),
    ],
)
def test_who_signs_in_to_azure_is_known_or_not(environment: dict[str, str], known: bool) -> None:
    assert AzureAccount(environment).has_identity is known
