"""Writes the reference of this checkout."""

from pathlib import Path

from . import command_line, drawing, files, json_objects, options, statuses

REFERENCE = Path("docs/reference")
LAYERS = Path("docs/project/layers.svg")


def documents(checkout: Path) -> dict[Path, str]:
    """Every generated file: its path in the checkout and its content."""
    pages = {
        **options.pages(),
        **command_line.pages(),
        **json_objects.pages(),
        **statuses.pages(),
        **files.pages(),
    }
    return {
        **{REFERENCE / name: text for name, text in pages.items()},
        LAYERS: drawing.layers(checkout / "pyproject.toml"),
    }


def write(checkout: Path) -> None:
    """Writes them all."""
    for name, text in documents(checkout).items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path.cwd())
