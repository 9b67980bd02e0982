"""What a `site` step sends where one file of many changed, in bytes on the wire, against the same by hand."""

from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import interleaved
from tests.benchmarks.laboratory import Laboratory
from tests.support.faulty_proxy import FaultyProxy
from tests.support.site import SiteStep
from tests.support.site_store import Object, S3SiteStore, Traffic

FILES = 200
SIZE = 20_000
_HEADERS = ("text/javascript; charset=utf-8", "")


class Served:
    """A site on moto, and a bucket beside it that is written by hand; a proxy counts the bytes of both."""

    def __init__(self, place: Path, proxy: FaultyProxy, environment: dict[str, str]) -> None:
        """All files served once."""
        self.store, self.other = S3SiteStore(proxy.url), S3SiteStore(proxy.url)
        self.store.make()
        self.other.make()
        self.step = SiteStep(place, self.store.target, {**environment, "AWS_ENDPOINT_URL": proxy.url})
        self.traffic = Traffic(proxy)
        for number in range(FILES):
            self.step.write(f"{number}.js", self.content(f"first {number}"))
        self.step.run()

    def content(self, text: str) -> bytes:
        """A file's bytes; all files have as many."""
        return text.encode().ljust(SIZE, b".")

    def one_changed(self, number: int) -> float:
        """Bytes by envmgr, its record among them, after one file changed."""
        self.step.write("7.js", self.content(f"again {number}"))
        return self._sent()

    def none_changed(self) -> float:
        """Bytes by envmgr where nothing changed."""
        return self._sent()

    def whole_folder(self, _: int) -> float:
        """Bytes of a copy of the folder by hand."""
        self.traffic.watch()
        for file in self.step.public.iterdir():
            self.other.write(file.name, Object(file.read_bytes(), *_HEADERS))
        return self._bytes()

    def files_alone(self) -> float:
        """Bytes of files in what was sent last."""
        return float(sum(size for _, size in self.traffic.writes()))

    def _sent(self) -> float:
        self.traffic.watch()
        self.step.run()
        return self._bytes()

    def _bytes(self) -> float:
        return float(sum(size for _, size in self.traffic.seen))


def site_bytes(laboratory: Laboratory) -> list[Comparison]:
    """One changed file against the whole folder; its own bytes; and nothing changed."""
    environment = laboratory.aws_environment
    port = urlsplit(environment["AWS_ENDPOINT_URL"]).port or 0
    with FaultyProxy(port) as proxy:
        served = Served(laboratory.place("site-bytes"), proxy, environment)
        files: list[float] = []

        def changed(number: int) -> float:
            total = served.one_changed(number)
            files.append(served.files_alone())
            return total

        ours, by_hand = interleaved(laboratory.rounds, changed, served.whole_folder)
        idle = tuple(served.none_changed() for _ in range(laboratory.rounds))
    about = f"a site of {FILES} files of {SIZE} bytes on moto, bytes of all request bodies"
    return [
        Comparison(
            name="site: one file changed, against a copy of the folder",
            unit="bytes",
            ours=ours,
            by_hand=by_hand,
            limit=0.05,
            note=f"{about}; envmgr's own record of what is there counts among its bytes",
        ),
        Comparison(
            name="site: one file changed, bytes of files",
            unit="bytes",
            ours=tuple(files[1:]),
            limit=SIZE,
            relative=False,
        ),
        Comparison(name="site: nothing changed", unit="bytes", ours=idle, limit=0, relative=False),
    ]
