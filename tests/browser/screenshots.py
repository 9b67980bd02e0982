"""The pictures of the documents: `make screenshots` takes them anew, of the company's page."""

import shutil
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

from playwright.sync_api import sync_playwright

from .served import served
from .visiting import visiting

FOLDER = Path(__file__).parents[2] / "docs" / "assets" / "page"
_PICTURES = {
    "list": ("/", "light", 1120, 760),
    "environment": ("/environments/acme/portal/judy", "light", 1120, 760),
    "run": ("/runs/16", "dark", 1120, 760),
    "timeline": ("/timeline", "light", 1120, 620),
    "destroy": ("/environments/acme/shop/alice/destroy", "light", 1120, 560),
    "hosts": ("/hosts", "light", 1120, 620),
    "phone": ("/environments/acme/shop/carol", "light", 390, 760),
}
"""By name: the view, in which colours, and how large."""


def main(folder: Path = FOLDER) -> None:
    """Takes all pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with (
        patch(
            "socket.gethostname", return_value="build-3"
        ),  # the pictures are the same wherever they are taken
        tempfile.TemporaryDirectory() as place,
        served(Path(place) / "envmgr") as page,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, (view, scheme, width, height) in _PICTURES.items():
            with visiting(
                browser, page, color_scheme=scheme, viewport={"width": width, "height": height}
            ) as visitor:
                visitor.goto(view)
                visitor.screenshot(path=folder / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
