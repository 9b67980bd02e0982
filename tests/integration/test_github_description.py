"""What is asked of GitHub, against the vendor's whole description of its API."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from envmgr.domain.values.forge import CommitStatus, DeploymentReport, Reaction, ReportState
from tests.support.forges.extract import Extract, extract
from tests.support.forges.kinds.github import APP, GitHub
from tests.support.forges.loopback import LoopbackForge
from tests.support.forges.model import ALICE, HEAD
from tests.support.forges.trials import TRIALS

DESCRIPTION = Path(__file__).parents[2] / ".tools/octokit/api.github.com.json"


@pytest.fixture(scope="module")
def whole() -> Extract:
    """The whole description."""
    if not DESCRIPTION.exists():
        pytest.skip("GitHub's description is absent: run tests/support/install-parts")
    return Extract(json.loads(DESCRIPTION.read_text()))


def test_each_request_is_one_that_github_describes(whole: Extract, rsa_key: tuple[str, str]) -> None:
    """Paths, parameters and bodies of all that the port asks for, by a token and as an App."""
    with LoopbackForge(GitHub(rsa_key[1])) as loopback:
        by_token = TRIALS["github"].open(loopback)
        as_app = TRIALS["github"].open(loopback, token=None, app={"id": APP, "key": rsa_key[0]})
        pull = loopback.model.opens()
        remark = str(loopback.model.says(pull, "/envmgr help").id)
        loopback.model.reviews(pull, ALICE)
        for forge in (by_token, as_app):
            forge.open_pull_requests()
            forge.approvals(1, HEAD)
            forge.permission(forge.comments(1, datetime(2026, 1, 1, tzinfo=UTC))[0].author)
            for state in ReportState:
                forge.set_status(
                    CommitStatus(
                        commit=HEAD,
                        context="envmgr/x",
                        state=state,
                        sentence="s",
                        url="https://e.example.com",
                    )
                )
                report = DeploymentReport(
                    environment=f"x/{state}",
                    commit=HEAD,
                    ref="main",
                    state=state,
                    sentence="",
                    url="https://x.example.com",
                )
                forge.report_deployment(report, "")
            made = forge.create_comment(1, "text")
            forge.edit_comment(1, made, "other")
            forge.delete_comment(1, made)
            for reaction in Reaction:
                forge.react(1, remark, reaction)
            forge.identity()
        asked = loopback.requests
    assert len(asked) > 50
    wrongs = [wrong for method, target, body in asked for wrong in _wrongs(whole, method, target, body)]
    assert wrongs == []


def test_the_extract_has_the_calls_that_github_describes(whole: Extract) -> None:
    """By the same names, at the same paths, with parameters of the same names."""
    for ours in extract("github").operations:
        theirs = next(each for each in whole.operations if each.id == ours.id)
        assert (theirs.method, theirs.path) == (ours.method, ours.path)
        described = [whole.resolved(each) for each in theirs.described.get("parameters", ())]
        names = {(each["in"], each["name"]) for each in described}
        assert {(each["in"], each["name"]) for each in ours.described["parameters"]} <= names, ours.id
        assert ours.described["responses"].keys() >= {
            s for s in theirs.described["responses"] if s < "300"
        }, ours.id


def _wrongs(whole: Extract, method: str, target: str, body: bytes) -> list[str]:
    path, _, query = target.partition("?")
    found = whole.of(method, path.removeprefix("/api/v3"))
    if found is None:
        return [f"{method} {path} is no call"]
    operation, values = found
    return list(operation.wrongs(values, query, json.loads(body) if body else None))
