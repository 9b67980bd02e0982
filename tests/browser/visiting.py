"""Somebody at the page, who notices what nobody should see: errors, dialogs, and requests to elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Dialog, Page

from envmgr.domain.values.asking.person import Role

from .served import Served

VIEWS = (
    "/",
    "/?status=failed",
    "/environments/acme/shop/alice",
    "/environments/acme/shop/bob",
    "/environments/acme/shop/carol",
    "/environments/acme/portal/judy",
    "/runs/1",
    "/runs/1?q=zzz",
    "/timeline",
    "/activity",
    "/promotions",
    "/repositories",
    "/hosts",
    "/tokens",
)
"""Every view, some of them in several states."""


@contextmanager
def visiting(browser: Browser, served: Served, role: Role | None = Role.ADMIN, **more: Any) -> Iterator[Page]:
    """A fresh browser at the page, signed in with a token of a role; at its end nothing may have gone wrong."""
    context = browser.new_context(base_url=served.url, **more)
    page, wrong = context.new_page(), list[str]()
    page.on(
        "console",
        lambda said: wrong.append(said.text) if said.type == "error" and _is_news(said.text) else None,
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: _refuse(dialog, wrong))
    host = urlsplit(served.url).netloc
    page.on(
        "request",
        lambda request: (
            wrong.append(f"asked {request.url}") if urlsplit(request.url).netloc != host else None
        ),
    )
    try:
        if role is not None:
            sign_in(page, served.tokens[role])
        yield page
        assert wrong == [], wrong  # pytest tells the values of asserts in test files alone
    finally:
        context.close()


def _is_news(said: str) -> bool:
    """Whether nobody should see it. Who leaves a page ends what it loads just then, which htmx notes in these two ways."""
    return "404" not in said and not said.startswith(("htmx:sendAbort,", "htmx:afterRequest,"))


def _refuse(dialog: Dialog, wrong: list[str]) -> None:
    wrong.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def sign_in(page: Page, token: str) -> None:
    """Signs in with a token, as a person does."""
    page.goto("/sign-in")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in with a token").click()
    page.wait_for_url("**/")
