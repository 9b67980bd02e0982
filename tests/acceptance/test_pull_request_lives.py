"""The life of a pull request's environment on each kind of forge, with the real daemon, git and Terraform."""

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from envmgr.composition.records import open_records
from envmgr.domain.values.environment import Environment, Guard, Status
from envmgr.domain.values.forge import PullRequestState, ReportState
from tests.support import warm
from tests.support.engine import code
from tests.support.forges.loopback import TOKEN, LoopbackForge
from tests.support.forges.model import BOB, CAROL, Model, Pull, User
from tests.support.forges.trials import TRIALS, Trial
from tests.support.git_repository import GitRepository
from tests.support.waiting import wait_for

_NAMED = {
    f"GIT_{who}_{what}": "forge@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


class Site:
    """A daemon over one repository on a forge of one kind."""

    def __init__(
        self, folder: Path, trial: Trial, forge: LoopbackForge, terraform: str, **rules: object
    ) -> None:
        """`rules` stand in the repository's section beside what each has."""
        self.folder, self.trial, self.forge = folder, trial, forge
        self.config, self.data = folder / "acme.yaml", folder / "data"
        self.git = GitRepository.create(folder / "shop.git")
        self.git.commit("main", {"README": "shop"})
        self.traits = trial.open(forge).traits
        knows = "permissions" not in trial.lacks
        section = {
            **trial.section,
            "url": f"{forge.url}{trial.address}",
            "repository": f"{trial.below}{self.model.name}",
            "token": TOKEN,
            "interval": "1s",
            "context": "acme",
            "roles": {"approver": [f"id:{self._id_of(CAROL)}"]},
        }
        organization = {
            "organization": "acme",
            "terraform": {"binary": terraform},
            "polling": {"interval": "1s"},
            "destroy": {"confirmations": 1, "grace_period": "1s"},
            "repositories": [
                {
                    "name": "shop",
                    "url": self.git.url,
                    "forge": section,
                    "previews": {"when": {"authors": "members" if knows else "anyone"}},
                    "approval": {"needed": 1},
                    **rules,
                }
            ],
        }
        with self.config.open("w") as file:
            YAML().dump(organization, file)

    def _id_of(self, user: User) -> str:
        """What the forge never gives to another."""
        pull = self.model.opens("scratch")
        self.model.says(pull, "hello", user)
        found = self.trial.open(self.forge).comments(1)[0].author.id
        self.model.pulls.clear()
        return found

    @property
    def model(self) -> Model:
        """What is on the forge."""
        return self.forge.model

    def pushes(self, module: str = "") -> str:
        """A commit on the branch, shown where the forge shows heads."""
        files = code(module=module) if module else {"app.py": "print('new')"}
        commit = self.git.commit("topic", files)
        self.shows(commit)
        return commit

    def shows(self, commit: str) -> None:
        """The head of the pull request is there, where the forge shows heads."""
        ref = self.traits.heads.format(number=1) if self.traits.heads else None
        if ref is not None and self.traits.heads_are_merges:
            tree = self.git.git("rev-parse", f"{commit}^{{tree}}")
            base = self.git.head("main") or ""
            shown = self.git.git(
                "commit-tree", tree, "-p", base, "-p", commit, "-m", "merge", environment=_NAMED
            )
            self.git.git("update-ref", ref, shown)
        elif ref is not None:
            self.git.git("update-ref", ref, commit)

    def environment(self) -> Environment | None:
        """What the records say."""
        with closing(open_records(self.config, self.data, os.environ)) as store:
            found = store.environments()
        return found[0] if found else None

    def has(self, status: Status, commit: str = "") -> bool:
        """Whether it is so, with this commit applied."""
        found = self.environment()
        return found is not None and found.status is status and commit in ("", found.applied.commit)

    def waits_for_approval(self, commit: str) -> bool:
        """Whether the plan of a commit waits for somebody to approve it."""
        found = self.environment()
        return found is not None and found.commit == commit and found.hold.guard is Guard.APPROVAL

    def told(self, commit: str) -> str:
        """The newest status of the environment at a commit, in the forge's words; empty where there is none."""
        context = self.trial.shown("acme/pr-1")
        states = [
            each.state
            for each in self.model.statuses
            if each.context == context and commit.startswith(each.commit)
        ]
        return states[-1] if states else ""

    def comment(self) -> str:
        """What envmgr's own comments say."""
        remarks = self.model.pulls[1].remarks
        return "\n".join(each.text for each in remarks if each.user == self.model.own)

    def plan(self) -> str:
        """By what envmgr's comment has the plan named that waits; empty where none does."""
        found = re.search(r"/envmgr approve ([0-9a-f]{12})`", self.comment())
        return found[1] if found else ""

    def is_over(self) -> bool:
        """Whether each deployment is told to be over, or went with its environment as on GitLab."""
        found = [each for each in self.model.deployments if each.states]
        ends = self.trial.gone
        return all(ends in ("", each.states[-1].get("state")) for each in found)

    def log(self) -> str:
        """What the daemon said."""
        return (
            (self.folder / "log").read_text()
            + f"\n{self.environment()}\n{self.model}\n{self.forge.wrongs}\n{self.forge.calls[-160:]}"
        )


@contextmanager
def at_work(kind: str, tmp_path: Path, terraform: Path, **rules: object) -> Iterator[Site]:
    """A daemon that runs, with a forge of a kind."""
    trial = TRIALS[kind]
    with LoopbackForge(trial.kind(), [Model(now=lambda: datetime.now(UTC))]) as forge:
        made = Site(tmp_path, trial, forge, str(terraform), **rules)
        with (tmp_path / "log").open("ab") as log:
            arguments = [str(made.config), str(made.data), "10"]
            environment = {**os.environ, "HOME": str(tmp_path)}
            process = warm.start(
                "tests.integration.daemon_process",
                arguments,
                env=environment,
                stdout=log,
                stderr=log,
                new_session=True,
            )
        try:
            yield made
        finally:
            process.kill()
            process.wait()


@pytest.fixture(params=TRIALS)
def site(request: pytest.FixtureRequest, tmp_path: Path, terraform_binary: Path) -> Iterator[Site]:
    """One for each kind of forge."""
    with at_work(request.param, tmp_path, terraform_binary) as made:
        yield made


MODULE = 'variable "environment" { type = string }\nresource "terraform_data" "app" { input = var.environment }\noutput "url" { value = "http://${var.environment}.example.com" }\n'


def test_a_pull_request_has_an_environment_until_it_is_merged(site: Site) -> None:
    """Told of by statuses, a deployment and one comment, also where the forge is away for a while."""
    model, ended = (
        site.model,
        {site.trial.states[state] for state in (ReportState.SUCCESS, ReportState.FAILURE)},
    )
    first = site.pushes(MODULE)
    pull = model.opens("topic", first)
    stranger = model.says(pull, "<!-- envmgr:v1 --> mine")
    model.says(pull, "/envmgr approve", BOB)
    wait_for(lambda: site.waits_for_approval(first), 60, site.log)
    wait_for(lambda: "waits for approval" in site.comment(), 60, site.log)
    wait_for(lambda: site.told(first) not in ("", *ended), 60, site.log)
    # As on the page: within the second that a forge tells only who names the plan can have meant it.
    wait_for(lambda: bool(site.plan()), 60, site.log)
    model.says(pull, f"/envmgr approve {site.plan()}", CAROL)
    wait_for(lambda: site.has(Status.READY, first), 60, site.log)
    wait_for(lambda: site.told(first) == site.trial.states[ReportState.SUCCESS], 60, site.log)
    wait_for(lambda: "pr-1.example.com" in site.comment(), 60, site.log)
    wait_for(lambda: bool(model.deployments) == site.traits.has_deployments, 60, site.log)

    broken = site.forge.fails(status=503, times=1_000_000)
    second = site.pushes()
    model.pushes(pull, second)
    wait_for(lambda: site.waits_for_approval(second), 60, site.log)
    assert site.told(second) == ""
    broken.times = 0
    # Nobody approves what she cannot have seen yet.
    wait_for(lambda: site.told(second) not in ("", *ended), 60, site.log)
    wait_for(lambda: second[:10] in site.comment() and bool(site.plan()), 60, site.log)
    model.says(pull, f"/envmgr approve {site.plan()}", CAROL)
    wait_for(lambda: site.has(Status.READY, second), 60, site.log)
    wait_for(lambda: site.told(second) == site.trial.states[ReportState.SUCCESS], 60, site.log)

    model.ends(pull, PullRequestState.MERGED)
    wait_for(lambda: site.environment() is None, 60, site.log)
    wait_for(lambda: "its environment is gone" in site.comment(), 60, site.log)
    if site.traits.has_deployments:
        wait_for(site.is_over, 60, site.log)
    newest = {(each.commit, each.context): each.state for each in model.statuses}
    assert set(newest.values()) <= ended
    assert stranger.text == "<!-- envmgr:v1 --> mine"
    assert len([each for each in pull.remarks if each.user == model.own]) == 1


@pytest.mark.parametrize("kind", ["github", "bitbucket-data-center", "azure-devops"])
def test_of_a_fork_just_what_a_person_approved_is_run(
    kind: str, tmp_path: Path, terraform_binary: Path
) -> None:
    """In a cage; its plan by a review of that commit. What is pushed over it waits, until it is approved, too.

    Also where git is shown only a merge of it on trial, whose second parent it is.
    """
    rules = {
        "previews": {"when": {"authors": "anyone", "forks": True}},
        "cage": {"kind": "bwrap", "network": "none"},
        "approval": {"needed": 1, "reviews": True},
    }
    with at_work(kind, tmp_path, terraform_binary, **rules) as site:
        model = site.model
        first = site.git.commit("elsewhere", code(module=MODULE))
        second = site.git.force_push("elsewhere", code(module=f"{MODULE}# more"))
        site.git.delete("elsewhere")
        site.shows(first)
        pull = model.opens("topic", first, is_from_fork=True)
        wait_for(lambda: "has to name its commit" in site.comment(), 60, site.log)
        assert site.environment() is None
        model.says(pull, f"/envmgr approve {first}", CAROL)
        wait_for(lambda: site.waits_for_approval(first), 60, site.log)
        _reviewed(site, pull)
        wait_for(lambda: site.has(Status.READY, first), 60, site.log)

        site.shows(second)
        model.pushes(pull, second)
        model.reviews(pull, CAROL)
        wait_for(lambda: "which nobody approved" in site.comment(), 60, site.log)
        model.says(pull, f"/envmgr approve {first}", CAROL)
        wait_for(lambda: "nothing was approved" in site.comment(), 60, site.log)
        assert site.has(Status.WAITING, first)
        model.says(pull, f"/envmgr approve {second}", CAROL)
        wait_for(lambda: site.waits_for_approval(second), 60, site.log)
        _reviewed(site, pull)
        wait_for(lambda: site.has(Status.READY, second), 60, site.log)

        model.ends(pull)
        wait_for(lambda: site.environment() is None, 60, site.log)


def _reviewed(site: Site, pull: Pull) -> None:
    """Carol approves its head, in a later second than that in which the plan came, which is all that forges tell."""
    found = site.environment()
    assert found is not None
    assert found.proposal is not None
    came = found.proposal.requested_at + timedelta(seconds=1)
    wait_for(lambda: datetime.now(UTC) > came, 10)
    site.model.reviews(pull, CAROL)
