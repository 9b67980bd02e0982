"""What people may do at the page: a question first, then a request whose end is told."""

from dataclasses import replace
from datetime import timedelta

from playwright.sync_api import Browser, expect

from envmgr.adapters.processes import current_process
from envmgr.domain.rules.transitions.proposals import to_be_approved
from envmgr.domain.rules.transitions.standing import stands
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import Guard, RunKind, RunStatus, Status, Suspension
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.pipeline.proposal import Checked, CheckOutcome, Proposal, Terms

from . import company
from .company import commit_of
from .http_client import Client
from .served import Served
from .visiting import visiting


def test_somebody_suspends_and_resumes(page_server: Served, chromium: Browser) -> None:
    """With a reason, which is shown; a developer may, and the page follows what becomes of it."""
    with visiting(chromium, page_server, Role.DEVELOPER) as page:
        page.goto("/environments/acme/billing/leo")
        page.get_by_role("link", name="Suspend").click()
        expect(page.get_by_text("What it has keeps running")).to_be_visible()
        page.get_by_label("Why").fill("the fair is on")
        page.get_by_role("button", name="Suspend").click()
        expect(page.locator(".status.pill")).to_have_text("succeeded")
        page.get_by_role("link", name="Back to leo").click()
        expect(page.locator(".status.pill")).to_have_text("suspended")
        expect(page.get_by_text("the fair is on").first).to_be_visible()
        page.get_by_role("button", name="Resume").click()
        expect(page.locator(".status.pill")).to_have_text("succeeded")
    [event] = page_server.runtime.services.store.events(actions=["resumed"])[-1:]
    assert event.actor == "token developer-of-acme"


def test_an_approver_approves_what_a_developer_may_not(page_server: Served, chromium: Browser) -> None:
    """What waits stands out for both; only one of them is given a button, and only she may."""
    with visiting(chromium, page_server, Role.DEVELOPER) as page:
        page.goto("/environments/acme/shop/carol")
        expect(page.get_by_text("That takes the role approver.")).to_be_visible()
        expect(page.get_by_role("link", name="Approve")).to_have_count(0)
    developer = Client(page_server.url)
    developer.sign_in(page_server.tokens[Role.DEVELOPER])
    refused = developer.post("/environments/acme/shop/carol/approve", {"csrf": developer.csrf("/")})
    assert (refused.status, "takes the role approver" in refused.text) == (403, True)
    with visiting(chromium, page_server, Role.APPROVER) as page:
        page.goto("/environments/acme/shop/carol")
        page.get_by_role("link", name="Approve").click()
        expect(page.get_by_text("If you approve, this one is destroyed.")).to_be_visible()
        page.get_by_role("button", name="Approve").click()
        expect(page.locator(".status.pill")).to_have_text("succeeded")
    [event] = page_server.runtime.services.store.events(actions=["approved"])[-1:]
    assert event.actor == "token approver-of-acme"


def test_a_viewer_is_offered_nothing(page_server: Served, chromium: Browser) -> None:
    """Not even the heading; and asking by hand is refused."""
    with visiting(chromium, page_server, Role.VIEWER) as page:
        page.goto("/environments/acme/shop/bob")
        expect(page.get_by_role("heading", name="bob", exact=True)).to_be_visible()
        expect(page.get_by_role("heading", name="Actions")).to_have_count(0)
    viewer = Client(page_server.url)
    viewer.sign_in(page_server.tokens[Role.VIEWER])
    assert viewer.get("/environments/acme/shop/bob/destroy").status == 403
    form = {"csrf": viewer.csrf("/"), "name": "bob"}
    assert viewer.post("/environments/acme/shop/bob/destroy", form).status == 403


def test_a_destroy_asks_for_the_name_and_says_what_goes(page_server: Served) -> None:
    """The resources are listed before; another name is refused beside the question, and so is a commit of before."""
    client = Client(page_server.url)
    client.sign_in(page_server.tokens[Role.DEVELOPER])
    asked = client.get("/environments/acme/shop/ivan/destroy")
    assert "4 resources will be destroyed" in asked.text
    assert "aws_db_instance.main" in asked.text
    form = {"csrf": client.csrf("/"), "name": "alice"}
    wrong = client.post("/environments/acme/shop/ivan/destroy", form)
    assert (wrong.status, "type its name: ivan" in wrong.text) == (400, True)
    stale = client.post("/environments/acme/shop/ivan/destroy", {**form, "name": "ivan", "seen": "0" * 40})
    assert (stale.status, "look again" in stale.text) == (409, True)
    pending = page_server.runtime.services.store.requests.pending()
    assert not [
        each for each in pending if each.environment.name == "ivan"
    ]  # others' trials may wait for theirs


def test_a_life_is_extended_once_however_often_the_form_is_sent(page_server: Served) -> None:
    """A form has a key of its own; what cannot be read is said beside the question."""
    client = Client(page_server.url)
    client.sign_in(page_server.tokens[Role.DEVELOPER])
    form = {"csrf": client.csrf("/"), "key": "one", "duration": "30d"}
    unread = client.post("/environments/acme/shop/alice/extend", {**form, "duration": "soon"})
    assert (unread.status, "How long cannot be read" in unread.text) == (400, True)
    answers = [client.post("/environments/acme/shop/alice/extend", form) for _ in range(2)]
    assert [each.status for each in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]


def test_nothing_else_may_be_asked_for(page_server: Served) -> None:
    """An address that is no action is none."""
    client = Client(page_server.url)
    client.sign_in(page_server.tokens[Role.ADMIN])
    form = {"csrf": client.csrf("/")}
    for verb in ("unlock", "tokens", "see", "%2e%2e"):
        assert client.post(f"/environments/acme/shop/alice/{verb}", form).status == 404


def test_an_approver_freezes_and_thaws_a_repository(page_server: Served, chromium: Browser) -> None:
    """It is shown at the list and at its environments, to everybody; a developer is given no such form."""
    with visiting(chromium, page_server, Role.DEVELOPER) as page:
        page.goto("/repositories")
        expect(page.get_by_role("heading", name="Freeze")).to_have_count(0)
    developer = Client(page_server.url)
    developer.sign_in(page_server.tokens[Role.DEVELOPER])
    form = {"csrf": developer.csrf("/"), "place": "acme/shop", "reason": "no"}
    assert developer.post("/repositories/freeze", form).status == 403
    approver = Client(page_server.url)
    approver.sign_in(page_server.tokens[Role.APPROVER])
    wrong = approver.post(
        "/repositories/freeze", {**form, "csrf": approver.csrf("/repositories"), "until": "soon"}
    )
    assert (wrong.status, "When it ends cannot be read" in wrong.text) == (400, True)
    with visiting(chromium, page_server, Role.APPROVER) as page:
        page.goto("/repositories")
        page.get_by_label("Where").select_option("acme/shop")
        page.get_by_label("Reason").fill("<b>network</b> migration")
        page.get_by_role("button", name="Freeze").click()
        for address in ("/repositories", "/", "/environments/acme/shop/bob"):
            page.goto(address)
            expect(page.get_by_text("acme/shop is frozen").first).to_be_visible()
            expect(page.get_by_text("<b>network</b> migration").first).to_be_visible()
        page.goto("/repositories")
        page.get_by_role("button", name="Thaw acme/shop").click()
        expect(page.get_by_text("acme/shop is frozen")).to_have_count(0)


def _proposed(page_server: Served, name: str) -> EnvironmentId:
    """A plan of an environment's waits for an approval; its text and address are somebody's who means harm."""
    services, identity = page_server.runtime.services, EnvironmentId("acme", "billing", name)
    now = services.clock()
    proposal = Proposal(
        on="try",
        commit=commit_of(name),
        digest="d" * 64,
        author="Ann",
        terms=Terms(needed=1),
        requested_at=now,
        expires_at=now + timedelta(days=7),
        reasons=("Here each plan takes 1 approval.",),
        changes={"add": 1, "change": 0, "destroy": 0},
        actions=(("create", "aws_s3_bucket.<img src=x>"),),
        text="  + bucket = <script>alert(1)</script>",
        checks=(Checked("policy", CheckOutcome.PASSED, (), None),),
    )
    services.store.update(identity, None, now, lambda e: to_be_approved(e, proposal))
    return identity


def test_an_approver_looks_at_a_proposal_and_approves_it(page_server: Served, chromium: Browser) -> None:
    """With what it would do, its checks and its text; a developer sees it as well, and is given no button."""
    identity = _proposed(page_server, "oscar")
    for role in (Role.DEVELOPER, Role.APPROVER):
        with visiting(chromium, page_server, role) as page:
            page.goto("/environments/acme/billing/oscar")
            expect(page.get_by_text("aws_s3_bucket.<img src=x>")).to_be_visible()
            expect(page.get_by_text("policy").first).to_be_visible()
            expect(page.get_by_text("<script>alert(1)</script>")).to_be_attached()
            expect(page.get_by_role("link", name="Reject")).to_have_count(int(role is Role.APPROVER))
            if role is Role.DEVELOPER:
                continue
            page.get_by_role("link", name="Approve").click()
            expect(page.get_by_text("aws_s3_bucket.<img src=x>")).to_be_visible()
            page.get_by_role("button", name="Approve").click()
            expect(page.locator(".status.pill")).to_have_text("succeeded")
    found = page_server.runtime.services.store.environment(identity)
    assert found is not None
    assert found.proposal is not None
    assert [each.by for each in found.proposal.approvals] == ["token approver-of-acme"]
    assert found.hold.approved is Guard.APPROVAL


def test_an_approver_rejects_a_proposal(page_server: Served, chromium: Browser) -> None:
    """With a reason, which is shown as it was typed."""
    _proposed(page_server, "peggy")
    with visiting(chromium, page_server, Role.APPROVER) as page:
        page.goto("/environments/acme/billing/peggy")
        page.get_by_role("link", name="Reject").click()
        page.get_by_label("Why").fill("<b>not</b> on a Friday")
        page.get_by_role("button", name="Reject").click()
        expect(page.locator(".status.pill")).to_have_text("succeeded")
        page.goto("/environments/acme/billing/peggy")
        expect(page.get_by_text("<b>not</b> on a Friday").first).to_be_visible()
        expect(page.get_by_role("link", name="Approve")).to_have_count(0)


def test_what_runs_is_cancelled(page_server: Served, chromium: Browser) -> None:
    """The button is there while something runs; what a dead process left is ended by it."""
    services, identity = page_server.runtime.services, EnvironmentId("acme", "billing", "quentin")
    dead = replace(current_process(), started=1)
    commit, now = commit_of("quentin"), services.clock()
    run = services.store.start_run(
        identity, RunKind.DEPLOY, commit, dead, "daemon", now, services.layout.log_name
    )
    services.store.update(identity, None, now, lambda e: stands(e, Status.RUNNING, "Deploys."))
    with visiting(chromium, page_server, Role.DEVELOPER) as page:
        page.goto("/environments/acme/billing/quentin")
        page.get_by_role("link", name="Cancel what runs").click()
        expect(page.get_by_text("is asked to stop")).to_be_visible()
        page.get_by_role("button", name="Cancel it").click()
        expect(page.locator(".status.pill")).to_have_text("succeeded")
    ended, found = services.store.run(run.id), services.store.environment(identity)
    assert ended is not None
    assert found is not None
    assert (ended.status, found.suspended_by) == (RunStatus.INTERRUPTED, Suspension.CANCEL)
    [event] = services.store.events(actions=["cancelled"])[-1:]
    assert event.actor == "token developer-of-acme"


def test_an_admin_drains_a_host_after_a_question(page_server: Served, chromium: Browser) -> None:
    """Everybody sees it, the page follows; who may not is given no button, and refused."""
    name, identity = company.OTHERS[0].host, company.OTHERS[0].machine
    company.live(page_server.runtime.services.store, page_server.runtime.services.clock())
    with (
        visiting(chromium, page_server, Role.VIEWER) as viewer,
        visiting(chromium, page_server, Role.ADMIN, java_script_enabled=False) as page,
    ):
        viewer.goto("/")
        viewer.get_by_role("link", name="Hosts", exact=True).click()
        seen = viewer.get_by_role("region", name=name)
        expect(seen.locator(".status")).to_have_text("working")
        expect(viewer.get_by_role("link", name="Drain")).to_have_count(0)
        page.goto("/hosts")
        page.get_by_role("link", name=f"Drain {name}").click()
        expect(page.get_by_text(f"{name} takes no new work, until")).to_be_visible()
        page.get_by_role("button", name="Drain").click()
        expect(page.get_by_role("region", name=name)).to_contain_text("draining")
        expect(seen.locator(".status")).to_have_text("draining")
        page.get_by_role("link", name=f"Let it work again {name}").click()
        page.get_by_role("button", name="Let it work again").click()
        expect(page.get_by_role("region", name=name)).to_contain_text("working")
    client = Client(page_server.url)
    client.sign_in(page_server.tokens[Role.APPROVER])
    refused = client.post(f"/hosts/{identity}/drain", {"csrf": client.csrf("/")})
    assert (refused.status, "admin" in refused.text) == (403, True)
