"""What people see and do at the page, in a real browser."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import RunKind, RunStatus
from envmgr.domain.values.names import EnvironmentId

from . import company
from .served import Served
from .visiting import VIEWS, sign_in, visiting

_AXE = Axe()
DARK = (
    "/",
    "/environments/acme/shop/carol",
    "/environments/acme/portal/judy",
    "/runs/1",
    "/timeline",
    "/hosts",
)
"""Views with all colours that there are."""


def test_somebody_signs_in_finds_an_environment_and_signs_out(page_server: Served, chromium: Browser) -> None:
    """The way in, a search that the server does, and the way out, after which nothing is shown any more."""
    with visiting(chromium, page_server, None) as page:
        page.goto("/environments/acme/shop/erin")
        expect(page).to_have_url(f"{page_server.url}/sign-in?next=%2Fenvironments%2Facme%2Fshop%2Ferin")
        page.get_by_label("Token").fill(page_server.tokens[Role.VIEWER])
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="erin", exact=True)).to_be_visible()
        page.goto("/")
        expect(page.get_by_role("heading", name="Needs a person")).to_be_visible()
        page.get_by_label("Find").press_sequentially("judy")
        expect(page.locator("#list .row")).to_have_count(1)
        expect(page).to_have_url(f"{page_server.url}/?q=judy&status=&repository=")
        page.get_by_role("link", name="acme/portal/judy").click()
        expect(page.get_by_role("heading", name="judy", exact=True)).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page.goto("/")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_page_that_still_listens_goes_quiet_once_its_session_is_over(
    page_server: Served, chromium: Browser
) -> None:
    """That she signed out elsewhere, or a moment ago, is no error in the browser: the stream is over, and not asked again."""
    with visiting(chromium, page_server) as page:
        page.context.clear_cookies()
        state = page.evaluate(
            "() => new Promise(done => { const s = new EventSource('/live'); s.onerror = () => done(s.readyState); })"
        )
        assert state == 2, "closed for good"


def test_a_view_that_is_open_leads_to_the_sign_in_once_its_session_is_over(
    page_server: Served, chromium: Browser
) -> None:
    """As where her token was revoked: nothing is left of the view, and she is told why, and led back afterwards."""
    view = "/environments/acme/billing/kim"
    with visiting(chromium, page_server) as page:
        page.goto(view)
        page.context.clear_cookies()
        page.evaluate("htmx.trigger(document.body, 'envmgr:changed')")
        expect(page).to_have_url(f"{page_server.url}/sign-in?next={quote(view, safe='')}")
        expect(page.get_by_label("Token")).to_be_visible()


def test_a_log_is_followed_to_its_end(page_server: Served, chromium: Browser) -> None:
    """Lines appear as they are written, escaped; once the run is over the page says so by itself."""
    services = page_server.runtime.services
    identity, now = EnvironmentId("acme", "shop", "dave"), datetime.now(UTC)
    run = services.store.start_run(
        identity, RunKind.APPLY, "a" * 40, company.HOST, "daemon", now, lambda number: f"logs/{number}.log"
    )
    with visiting(chromium, page_server) as page, (services.layout.root / run.log).open("w") as log:
        page.goto(f"/runs/{run.id}")
        for number, text in enumerate(
            ("terraform apply", "<b>made</b> \x1b[1mvpc\x1b[0m", "half of"), start=1
        ):
            log.write(f"2026-11-26T09:00:0{number}Z {text}" + ("\n" if number < 3 else ""))
            log.flush()
            if number < 3:
                expect(page.locator(f"#L{number}")).to_contain_text(
                    text.replace("\x1b[1m", "").replace("\x1b[0m", "")
                )
        expect(page.locator(".log li")).to_have_count(2)
        log.write(" a line\n")
        log.flush()
        expect(page.locator("#L3")).to_contain_text("half of a line")
        services.store.finish_run(run.id, RunStatus.SUCCEEDED, datetime.now(UTC), "Applied.")
        expect(page.locator(".status.pill")).to_have_text("succeeded")
        expect(page.get_by_text("new lines appear here")).to_have_count(0)
        expect(page.locator("#L3")).to_have_count(1)


def test_the_list_follows_what_happens(page_server: Served, chromium: Browser) -> None:
    """Another status is there within moments, and nobody has to load the page again."""
    from dataclasses import replace

    store = page_server.runtime.services.store
    identity, now = EnvironmentId("acme", "billing", "kim"), datetime.now(UTC)
    with visiting(chromium, page_server, Role.VIEWER) as page:
        page.goto("/?q=kim")
        row = page.locator(".row", has_text="kim")
        expect(row.locator(".status")).to_have_text("ready")
        page.wait_for_timeout(1200)  # until it listens
        store.update(identity, None, now, lambda e: replace(e, message="Something is new here."))
        expect(row).to_contain_text("Something is new here.")


def test_axe_finds_nothing_and_all_fits(page_server: Served, chromium: Browser) -> None:
    """Names, roles, order and contrast, in light and dark; and nothing is cut off or moves sideways on a narrow screen."""
    with visiting(chromium, page_server, viewport={"width": 320, "height": 700}) as page:
        for view in VIEWS:
            page.goto(view)
            assert (view, page.evaluate("document.documentElement.scrollWidth")) == (view, 320)
            assert (view, _found(page)) == (view, [])
        page.emulate_media(color_scheme="dark")
        for view in DARK:
            page.goto(view)
            assert (view, _found(page, "color-contrast")) == (view, [])


@pytest.mark.parametrize("view", ["/tokens", "/repositories", "/hosts"])
def test_on_a_phone_nothing_has_to_be_pulled_aside(page_server: Served, chromium: Browser, view: str) -> None:
    """Rows of these tables are cards there: who revokes a token need not look for the button."""
    with visiting(chromium, page_server, viewport={"width": 320, "height": 700}) as page:
        page.goto(view)
        wide = "found => found.filter(each => each.scrollWidth > each.clientWidth).length"
        assert page.eval_on_selector_all(".panel", wide) == 0


@pytest.mark.parametrize(("wish", "moves"), [("reduce", False), ("no-preference", True)])
def test_who_wants_nothing_to_move_sees_nothing_move(
    page_server: Served, chromium: Browser, wish: str, moves: bool
) -> None:
    """What runs turns for all others."""
    with visiting(chromium, page_server, reduced_motion=wish) as page:
        page.goto("/")
        name = "found => found.map(each => getComputedStyle(each, '::before').animationName)"
        names = page.eval_on_selector_all(".status", name)
        assert (set(names) != {"none"}) is moves


def test_the_documentation_of_the_api_is_read_by_anybody(page_server: Served, chromium: Browser) -> None:
    """Without a script and without signing in; axe finds nothing on a narrow screen, and nothing moves sideways."""
    with visiting(chromium, page_server, role=None, viewport={"width": 320, "height": 700}) as page:
        page.goto("/docs")
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        assert page.evaluate("document.documentElement.scrollHeight") < 20_000, "what a call takes is folded"
        assert _found(page) == []
        page.goto("/docs#get-environments")
        page.get_by_role("region", name="Answers of GET /api/v1/environments", exact=True).get_by_role(
            "link", name="Listed", exact=True
        ).click()
        expect(page.get_by_role("region", name="Fields of Listed", exact=True)).to_be_visible()
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        assert _found(page) == []
    with visiting(chromium, page_server, role=None, java_script_enabled=False) as page:
        page.goto("/sign-in")
        page.get_by_role("link", name="API").click()
        page.get_by_text("tokens 3 calls").click()
        page.get_by_role("link", name="DELETE /api/v1/tokens/{name}").click()
        page.get_by_role("heading", name="DELETE /api/v1/tokens/{name}").click()
        assert page.get_by_role("region", name="Answers of DELETE /api/v1/tokens/{name}").is_visible()


def _found(page: Page, *rules: str) -> list[tuple[str, str]]:
    options = {"runOnly": list(rules)} if rules else {}
    found = _AXE.run(page, options=options).response["violations"]
    return [(each["id"], each["nodes"][0]["html"]) for each in found]


def test_reading_works_without_scripts(page_server: Served, chromium: Browser) -> None:
    """Signing in, searching and reading a log need none."""
    with visiting(chromium, page_server, java_script_enabled=False) as page:
        page.get_by_label("Find").fill("bob")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="acme/shop/bob").click()
        page.get_by_role("link", name="apply").first.click()
        expect(page.locator(".log").last).to_contain_text("DBInstanceAlreadyExists")
        page.get_by_label("Find in the log").fill("elapsed")
        page.get_by_role("button", name="Find").click()
        expect(page.get_by_text("8 lines have “elapsed”")).to_be_visible()


def test_the_keyboard_alone_leads_everywhere(page_server: Served, chromium: Browser) -> None:
    """The first Tab offers to skip the frame; the focus is always seen."""
    with visiting(chromium, page_server) as page:
        page.goto("/")
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_who_has_no_role_sees_nothing(page_server: Served, chromium: Browser) -> None:
    """A token of one repository shows that one alone; what it may not see is as if it were not there."""
    from envmgr.commands import tokens

    wish = tokens.Wish(name="billing-only", role=Role.VIEWER, organization="acme", repository="billing")
    secret, _ = tokens.create(page_server.runtime, wish)
    with visiting(chromium, page_server, None) as page:
        sign_in(page, secret)
        expect(page.locator(".row", has_text="acme/billing")).to_have_count(8)
        expect(page.get_by_text("acme/shop")).to_have_count(0)
    with visiting(chromium, page_server, None, java_script_enabled=False) as page:
        sign_in(page, secret)
        hidden, missing = (page.goto(f"/environments/acme/shop/{name}") for name in ("alice", "nobody"))
        assert hidden is not None
        assert missing is not None
        assert (hidden.status, missing.status) == (404, 404)
