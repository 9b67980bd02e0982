"""The headers that a file of a site is served with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from envmgr.domain.values.names import matched_part

_PAGES = {".htm", ".html", ".xhtml"}
_UNKNOWN = "application/octet-stream"
# A fixed table: Python's own depends on the host's /etc/mime.types.
_TEXTS = {
    "text/html": "html htm",
    "text/css": "css",
    "text/javascript": "js mjs",
    "text/plain": "txt text log",
    "text/markdown": "md markdown",
    "text/csv": "csv",
    "text/calendar": "ics",
    "text/vtt": "vtt",
    "application/json": "json map",
    "application/ld+json": "jsonld",
    "application/geo+json": "geojson",
    "application/manifest+json": "webmanifest",
    "application/xml": "xml xsl",
    "application/xhtml+xml": "xhtml",
    "application/rss+xml": "rss",
    "application/atom+xml": "atom",
    "image/svg+xml": "svg",
}
_BINARIES = {
    "image/png": "png",
    "image/apng": "apng",
    "image/jpeg": "jpg jpeg jpe",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/bmp": "bmp",
    "image/tiff": "tif tiff",
    "image/x-icon": "ico cur",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "font/ttf": "ttf",
    "font/otf": "otf",
    "application/vnd.ms-fontobject": "eot",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "oga ogg opus",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "video/mp4": "mp4 m4v",
    "video/webm": "webm",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "application/wasm": "wasm",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "application/gzip": "gz",
    "application/x-tar": "tar",
}
_TYPES = {
    **{f".{suffix}": f"{kind}; charset=utf-8" for kind, suffixes in _TEXTS.items() for suffix in suffixes.split()},
    **{f".{suffix}": kind for kind, suffixes in _BINARIES.items() for suffix in suffixes.split()},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Headers:
    """`Content-Type`, and `Cache-Control` where one is wanted."""

    content_type: str
    cache_control: str = ""


def headers_of(name: str, cache_control: Mapping[str, str]) -> Headers:
    """By the name's suffix, in either case, and by the first of the patterns that matches the name."""
    found = (value for pattern, value in cache_control.items() if matched_part(name, pattern) is not None)
    return Headers(_TYPES.get(_suffix(name), _UNKNOWN), next(found, ""))


def is_page(name: str) -> bool:
    """Whether a file names others: it goes when they are there."""
    return _suffix(name) in _PAGES


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
