"""An organization file: every option with its description and an example.

The commented sample, the JSON Schema and the tables of the reference are made from these models.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from envmgr.domain.values.pipeline.data import RESOURCES_WITH_DATA

from .access import Access
from .application import Application, CodeSource, in_order
from .backend import Backend, LocalBackend
from .cage import Cage
from .deploy import CommandStep, DeployStep, Health, OnUnhealthy
from .forge.forge import Forge, check_place
from .forge.notifications import Notification
from .forge.previews import Previews, check_caged, check_previews
from .pipeline.approval import Approval, Freeze
from .pipeline.environments import NamedEnvironment
from .pipeline.images import Image, check_one_each
from .pipeline.promotion import checked
from .pipeline.steps import BuildStep, Check, EnvironmentTest, check_named_once
from .rules import Destroy, Drift, Limits, Polling, Schedule, Ttl, Windows
from .run_credentials import RunCredentials
from .section import Section
from .terraform import Terraform
from .values import (
    BranchPattern,
    EnvironmentName,
    Flag,
    GitUrl,
    Name,
    SecretValue,
    Text,
    Variables,
)
from .watching import including


class Credentials(Section):
    """How a remote lets envmgr in: user name and password (or token), or an SSH key."""

    username: Text | None = Field(
        default=None, description="The user name for https; some hosts take any.", examples=["bot"]
    )
    password: SecretValue | None = Field(
        default=None,
        repr=False,
        description="The password or access token for https.",
        examples=[{"file": "/etc/envmgr/git-token"}],
    )
    ssh_key: SecretValue | None = Field(
        default=None,
        repr=False,
        description="The private key for ssh, without a passphrase.",
        examples=[{"file": "/etc/envmgr/deploy-key"}],
    )
    known_hosts: SecretValue | None = Field(
        default=None,
        description="Lines of a known_hosts file; without them a host's key is trusted at first sight.",
        examples=[{"file": "/etc/envmgr/known_hosts"}],
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if (self.password is None) == (self.ssh_key is None):
            raise ValueError("give either username and password, or ssh_key")
        if self.ssh_key is not None and self.username is not None:
            raise ValueError(
                "with ssh_key the user's name belongs in the URL (user@host:path); remove username"
            )
        if self.known_hosts is not None and self.ssh_key is None:
            raise ValueError("known_hosts is for ssh_key; remove it or give ssh_key")
        return self


def _not_empty(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not patterns:
        raise ValueError('it must not be empty; leave it out for ["env-*"]')
    return including(patterns)


_OF_EACH_APPLICATION = ("terraform", "deploy", "on_destroy", "health", "tests", "on_unhealthy")


class RepositorySection(Section):
    """One repository whose branches get environments."""

    name: Name = Field(description="The repository's name, unique in the organization.", examples=["shop"])
    url: GitUrl = Field(
        description="Where it is: https, ssh (also user@host:path), file or an absolute path.",
        examples=["https://git.example.com/acme/shop.git"],
    )
    credentials: Credentials | None = Field(
        default=None,
        description="The credentials for the remote.",
        examples=[{"username": "bot", "password": {"file": "/etc/envmgr/git-token"}}],
    )
    forge: Forge | None = Field(
        default=None,
        description="The forge that it is on, where envmgr tells how its environments are.",
        examples=[{"kind": "github", "token": {"file": "/etc/envmgr/github-token"}}],
    )
    previews: Previews | None = Field(
        default=None,
        description="An environment for each open pull request that meets some conditions; without it none.",
        examples=[{"when": {"base": ["main"]}, "ttl": "3d", "limit": 20}],
    )
    branches: Annotated[tuple[BranchPattern, ...], AfterValidator(_not_empty)] = Field(
        default=("env-*",),
        json_schema_extra={"minItems": 1},
        description="Which branches get an environment; `*` matches any run of characters, `/` too; `!` in front excludes.",
        examples=[["env-*"]],
    )
    protected: Annotated[tuple[BranchPattern, ...], AfterValidator(including)] = Field(
        default=(),
        description="Branches whose environments are never destroyed because of a vanished branch, a TTL or a schedule.",
        examples=[["env-prod"]],
    )
    terraform: CodeSource = Field(
        default=CodeSource(),
        description="Where the Terraform code is.",
        examples=[{"directory": "terraform"}, {"module": "aws-environment"}],
    )
    variables: Variables = Field(
        default={},
        description="Input variables for this repository's environments.",
        examples=[{"location": "westeurope"}],
    )
    build: tuple[BuildStep, ...] = Field(
        default=(),
        description="Commands before the plan, whose values become input variables; once for each commit.",
        examples=[[{"name": "image", "run": "make push"}]],
    )
    images: tuple[Image, ...] = Field(
        default=(),
        description="Images of a registry that its environments follow; a new one is a change like a push.",
        examples=[[{"variable": "image", "image": "registry.example.com/acme/shop", "tags": "1.*"}]],
    )
    deploy: tuple[DeployStep, ...] = Field(
        default=(),
        description="Commands after every successful apply, and on commits that change no infrastructure.",
        examples=[[{"name": "build", "run": "make image", "timeout": "15m"}]],
    )
    on_destroy: tuple[CommandStep, ...] = Field(
        default=(),
        description="Commands before Terraform destroys; where one fails, nothing is destroyed yet.",
        examples=[[{"name": "drain", "run": "make drain"}]],
    )
    health: Health | None = Field(
        default=None,
        description="What must answer before an environment is ready, and while it is.",
        examples=[{"url": "{outputs.url}", "expect": 200, "timeout": "5m"}],
    )
    tests: tuple[EnvironmentTest, ...] = Field(
        default=(),
        description="Commands that test an environment once it is healthy; where one fails it is `failed`, and not promoted.",
        examples=[[{"name": "end-to-end", "run": "make e2e URL=$ENVMGR_URL", "timeout": "20m"}]],
    )
    on_unhealthy: OnUnhealthy = Field(
        default="keep",
        description="A deploy that does not become healthy, or fails its tests, stays or gives way to the previous healthy commit's code.",
        examples=["previous"],
    )
    applications: tuple[Application, ...] = Field(
        default=(),
        description="Several applications in one repository, in place of the repository's own terraform and deploy.",
        examples=[[{"name": "db"}, {"name": "api", "needs": ["db"]}]],
    )
    allow_branch_deploy: Flag = Field(
        default=False,
        description="Whether a branch's own `.envmgr.yaml` may bring deploy steps, which run with the credentials.",
        examples=[False],
    )
    polling: Polling | None = Field(
        default=None, description="Overrides the organization's polling.", examples=[{"interval": "1m"}]
    )
    limits: Limits | None = Field(
        default=None, description="Overrides the organization's limits.", examples=[{"concurrency": 1}]
    )
    cage: Cage | None = Field(
        default=None, description="Overrides the organization's cage.", examples=[{"network": "none"}]
    )
    access: Access | None = Field(
        default=None,
        description="Who may do what here, in place of the organization's access.",
        examples=[{"roles": {"viewer": ["group:security"]}}],
    )
    destroy: Destroy | None = Field(
        default=None, description="Overrides the organization's destroy.", examples=[{"grace_period": "1h"}]
    )
    drift: Drift | None = Field(
        default=None, description="Overrides the organization's drift.", examples=[{"action": "off"}]
    )
    ttl: Ttl | None = Field(
        default=None, description="Overrides the organization's ttl.", examples=[{"default": "7d"}]
    )
    schedule: Schedule | None = Field(
        default=None,
        description="Overrides the organization's schedule; null: none here.",
        examples=[{"up": "0 8 * * 1-5", "down": "0 19 * * 1-5"}],
    )
    windows: Windows | None = Field(
        default=None,
        description="Overrides the organization's windows.",
        examples=[{"deny": [{"start": "0 18 * * 5", "duration": "62h"}]}],
    )
    freeze: Freeze | None = Field(
        default=None,
        description="Nothing is applied or destroyed here, in addition to the organization's freeze.",
        examples=[{"reason": "migration", "until": "2026-12-01T06:00Z"}],
    )

    checks: tuple[Check, ...] = Field(
        default=(),
        description="Checks of each plan before it is applied; never taken from a branch.",
        examples=[[{"name": "policy", "rego": "/etc/envmgr/policies", "on_failure": "refuse"}]],
    )
    approval: Approval | None = Field(
        default=None,
        description="Whose approval each plan needs before it is applied; without it nobody's.",
        examples=[{"needed": 1, "from": "approver", "expires": "7d"}],
    )
    environments: tuple[NamedEnvironment, ...] = Field(
        default=(),
        description="Long-lived environments with a name of their own: each follows one branch, or the newest of some tags.",
        examples=[
            [
                {"name": "staging", "branch": "main"},
                {"name": "production", "tags": "v*", "after": ["staging"], "variables": {"size": "large"}},
            ]
        ],
    )

    @model_validator(mode="after")
    def _check_checks(self) -> Self:
        check_named_once(self.checks)
        check_place(self.forge, self.url)
        check_previews(self.previews, self.forge, self.url, (each.name for each in self.environments))
        return self

    @model_validator(mode="after")
    def _check_applications(self) -> Self:
        own = [name for name in _OF_EACH_APPLICATION if name in self.model_fields_set]
        if self.applications and own:
            raise ValueError(
                f"with applications each of these has its own {' and '.join(own)}; move it there, or remove applications"
            )
        if self.applications and self.allow_branch_deploy:
            raise ValueError(
                "with applications a branch's file cannot say whose deploy it means; remove allow_branch_deploy"
            )
        check_one_each(self.images)
        in_order(self.applications)
        return self

    @model_validator(mode="after")
    def _check_environments(self) -> Self:
        checked(self.environments, self.branches)
        for environment in self.environments if self.applications else ():
            own = [name for name in _OF_EACH_APPLICATION if name in environment.model_fields_set]
            if own:
                raise ValueError(
                    f"with applications each has its own {' and '.join(own)}; take it out of environment {environment.name}"
                )
        return self


class OrganizationFile(Section):
    """One organization file."""

    organization: Name = Field(
        description="The organization's name, unique in the folder.", examples=["acme"]
    )
    access: Access = Field(
        default=Access(),
        description="Who may do what through page and API; without it only tokens and the command line on the host may.",
        examples=[{"roles": {"viewer": ["*"], "developer": ["group:engineering"]}}],
    )
    backend: Backend = Field(
        default=Backend(local=LocalBackend()),
        description="Where Terraform state is kept: exactly one of local, azurerm and s3.",
        examples=[{"local": {"path": "/srv/envmgr/state"}}],
    )
    terraform: Terraform = Field(
        default=Terraform(), description="The Terraform program.", examples=[{"binary": "tofu"}]
    )
    environment_variables: dict[EnvironmentName, SecretValue] = Field(
        default={},
        repr=False,
        description="Given to Terraform, deploy steps and cloud clients of this organization, to nothing else.",
        examples=[{"AWS_REGION": "eu-west-1", "AWS_SECRET_ACCESS_KEY": {"systemd": "acme-aws-secret"}}],
    )
    credentials: RunCredentials = Field(
        default=RunCredentials(),
        description="Short-lived credentials for each run, in place of keys under environment_variables.",
        examples=[{"aws": {"role_arn": "arn:aws:iam::123456789012:role/envmgr-{environment}"}}],
    )
    polling: Polling = Field(
        default=Polling(), description="How remotes are watched.", examples=[{"interval": "30s"}]
    )
    limits: Limits = Field(
        default=Limits(),
        description="How much the organization may have and do at once.",
        examples=[{"environments": 50, "concurrency": 2}],
    )
    destroy: Destroy = Field(
        default=Destroy(),
        description="What must be certain before an environment is destroyed because its branch went away.",
        examples=[{"confirmations": 2, "grace_period": "5m", "max_at_once": 5}],
    )
    drift: Drift = Field(
        default=Drift(),
        description="Whether the cloud still matches the code.",
        examples=[{"interval": "1h", "action": "report"}],
    )
    ttl: Ttl = Field(
        default=Ttl(),
        description="How long environments live.",
        examples=[{"default": None, "max": "30d", "warn_before": ["24h", "1h"]}],
    )
    schedule: Schedule | None = Field(
        default=None,
        description="When environments are up; null: always.",
        examples=[{"up": "0 8 * * 1-5", "down": "0 19 * * 1-5", "timezone": "Europe/Berlin"}],
    )
    windows: Windows = Field(
        default=Windows(),
        description="When environments may be changed.",
        examples=[{"allow": [{"start": "0 9 * * 1-5", "duration": "8h"}], "timezone": "Europe/Berlin"}],
    )
    freeze: Freeze | None = Field(
        default=None,
        description="Nothing is applied or destroyed in the organization, as by `envmgr freeze`; null: it is not frozen.",
        examples=[{"reason": "migration", "until": "2026-12-01T06:00Z"}],
    )
    notifications: tuple[Notification, ...] = Field(
        default=(),
        description="Who is told of what happens in the organization, beside forge and page.",
        examples=[[{"url": {"file": "/etc/envmgr/slack-url"}, "on": ["failed", "recovered"]}]],
    )
    variables: Variables = Field(
        default={},
        description="Input variables for all environments of the organization.",
        examples=[{"owner": "platform-team"}],
    )
    cage: Cage = Field(
        default=Cage(),
        description="What confines Terraform and the commands of a branch.",
        examples=[{"kind": "bwrap", "memory": "4GiB"}],
    )
    resources_with_data: tuple[Text, ...] = Field(
        default=RESOURCES_WITH_DATA,
        description="Types of resources that no plan deletes or replaces in a protected environment without an approval; "
        "`*` matches any run of characters; empty: none.",
        examples=[["aws_db_instance", "azurerm_postgresql_*"]],
    )
    sandbox: Literal["none", "bwrap"] = Field(
        default="none",
        description="The old name of what confines deploy steps alone; write `cage` instead, which confines Terraform too.",
        examples=["bwrap"],
    )
    repositories: tuple[RepositorySection, ...] = Field(
        description="The repositories whose branches get environments.",
        examples=[[{"name": "shop", "url": "https://git.example.com/acme/shop.git"}]],
    )

    @model_validator(mode="after")
    def _check_forks(self) -> Self:
        for repository in self.repositories:
            check_caged(repository.previews, repository.name, self.cage, repository.cage)
        return self

    def repository(self, name: str) -> RepositorySection | None:
        """The repository of a name; None where the organization has none."""
        return next((repository for repository in self.repositories if repository.name == name), None)
