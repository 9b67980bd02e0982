"""Draws the layers of the package from the import contracts, so that the picture cannot say anything else."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

_WIDTH, _ROW, _GAP, _LEFT = 760, 62, 16, 20
_ABOUT: Mapping[str, str] = {
    "cli": "the command line: verbs and screens",
    "web": "page and API over the network",
    "daemon": "the process: polls, watches, housekeeping",
    "composition": "wires everything together",
    "commands": "what a person may ask for",
    "engine": "the work on environments",
    "adapters": "git, Terraform, clouds, records",
    "host": "what adapters share: processes, sign-in, uploads",
    "views": "JSON objects and words",
    "ports": "what envmgr needs from the world",
    "config": "files as valid types",
    "domain": "decides; no clock, no input, no output",
}
_SHARE = 1.5  # of a row, for one that shows what is inside
_INSIDE = "envmgr.engine", "envmgr.domain"


def layers(pyproject: Path) -> str:
    """The picture, from the contracts in a pyproject file."""
    contracts = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    by_container = {
        c["containers"][0]: [_names(layer) for layer in c["layers"]]
        for c in contracts
        if c["type"] == "layers"
    }
    rooms = {name.rpartition(".")[2]: [n for layer in by_container[name] for n in layer] for name in _INSIDE}
    rows = by_container["envmgr"]
    height = len(rows) * (_ROW + _GAP) + _GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            'font-family="system-ui, sans-serif" font-size="15">',
            "<title>The layers of envmgr: each imports only from those below it</title>",
            *(line for index, row in enumerate(rows) for line in _row(index, row, rooms)),
            "</svg>\n",
        ]
    )


def _names(layer: str) -> list[str]:
    return [name.strip(" ()") for name in layer.split("|")]


def _row(index: int, names: Sequence[str], rooms: Mapping[str, Sequence[str]]) -> Iterator[str]:
    top, left = _GAP + index * (_ROW + _GAP), float(_LEFT)
    shares = [_SHARE if name in rooms else 1.0 for name in names]
    room = _WIDTH - 2 * _LEFT - _GAP * (len(names) - 1)
    for name, share in zip(names, shares, strict=True):
        width = room * share / sum(shares)
        yield from _box(left, top, width, name, rooms.get(name, ()))
        left += width + _GAP
    if index:
        x = _WIDTH / 2
        yield f'<path d="M{x:g} {top - _GAP + 2}v{_GAP - 6}m-4 -4l4 4l4 -4" fill="none" stroke="#4051b5"/>'


def _box(left: float, top: int, width: float, name: str, inside: Sequence[str]) -> Iterator[str]:
    middle = round(left + width / 2, 1)
    yield (
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_ROW}" rx="6" fill="#eef1fb" stroke="#4051b5"/>'
    )
    yield _text(middle, top + (20 if inside else 26), name, 'font-weight="bold"')
    yield _text(middle, top + (37 if inside else 46), _ABOUT[name], 'fill="#444" font-size="13"')
    if inside:
        yield _text(middle, top + 54, " > ".join(inside), 'fill="#4051b5" font-size="12"')


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="middle" {style}>{escape(text)}</text>'
