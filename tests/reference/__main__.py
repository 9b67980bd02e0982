"""Writes the reference of this checkout."""

from pathlib import Path

from . import (
    command_line,
    drawing,
    files,
    journeys,
    json_objects,
    manual,
    openapi,
    opentofu,
    options,
    statuses,
)

REFERENCE = Path("docs/reference")
PROJECT = Path("docs/project")


def documents(checkout: Path) -> dict[Path, str]:
    """Every generated file: its path in the checkout and its content."""
    pages = {
        **options.pages(),
        **command_line.pages(),
        **json_objects.pages(),
        **statuses.pages(),
        **files.pages(),
        **opentofu.pages(),
    }
    return {
        **{REFERENCE / name: text for name, text in pages.items()},
        **{Path("docs") / name: text for name, text in manual.files().items()},
        REFERENCE / "openapi.json": openapi.document(),
        PROJECT / "layers.svg": drawing.layers(checkout / "pyproject.toml"),
        PROJECT / "journeys.md": journeys.journeys(),
        **{PROJECT / f"journey-{each.name}.svg": journeys.drawing(each) for each in journeys.JOURNEYS},
    }


def write(checkout: Path) -> None:
    """Writes them all."""
    for name, text in documents(checkout).items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path.cwd())
