"""`envmgr demo --page`: two living environments to click through, made by real Terraform; one of them is destroyed there."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, expect

_LINK = re.compile(r"http://127\.0\.0\.1:\d+/sign-in#envmgr_\S+")


def test_somebody_destroys_an_environment_of_the_demo(tmp_path: Path, chromium: Browser) -> None:
    """By the printed link in, through the plan of the destroy, to its end; Ctrl-C leaves nothing behind."""
    environ = {**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path), "COLUMNS": "200"}
    command = [sys.executable, "-m", "envmgr", "demo", "--page"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environ, stdin=subprocess.DEVNULL
    ) as demo:
        try:
            assert demo.stdout is not None
            link = next(found[0] for line in demo.stdout if (found := _LINK.search(line)))
            page = chromium.new_page()
            page.set_default_timeout(120_000)
            page.goto(link)
            page.get_by_role("button", name="Sign in with a token").click()
            expect(page.locator(".row .status", has_text="ready")).to_have_count(2)
            page.get_by_role("link", name="demo/shop/bob").click()
            page.get_by_role("link", name="Destroy").click()
            page.get_by_role("button", name="Show the plan first").click()
            expect(page.locator(".change.is-delete")).to_have_count(2, timeout=120_000)
            page.get_by_label("Type the environment's name").fill("bob")
            page.get_by_role("button", name="Destroy just this").click()
            expect(page.locator(".status.pill")).to_have_text("succeeded", timeout=120_000)
            page.get_by_role("link", name="Back to bob").click()
            expect(page.get_by_role("link", name="destroy #")).to_be_visible()
            expect(page.get_by_text("nothing is left").first).to_be_visible()
            page.close()
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(200)
    assert list(tmp_path.glob("envmgr-demo-*")) == []
