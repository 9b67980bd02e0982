"""What holds for one repository: the organization's rules with the repository's own laid over them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, cast

from envmgr.config.sections.access import Access
from envmgr.config.sections.application import Application
from envmgr.config.sections.cage import Cage
from envmgr.config.sections.deploy import CommandStep, DeployStep, Health
from envmgr.config.sections.forge.forge import secrets_of_forge
from envmgr.config.sections.models import OrganizationFile, RepositorySection
from envmgr.config.sections.pipeline.environments import NamedEnvironment
from envmgr.config.sections.pipeline.images import Image
from envmgr.config.sections.pipeline.steps import BuildStep, Check
from envmgr.config.sections.rules import Destroy, Drift, Limits, Polling, Schedule, Ttl, Windows
from envmgr.config.sections.run_credentials import RunCredentials
from envmgr.config.sections.secrets import (
    Redactor,
    Secret,
    SecretReference,
    looks_secret,
    password_in,
    resolve,
)
from envmgr.config.sections.section import Section
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.access.roles import Rules
from envmgr.domain.values import schedule as domain
from envmgr.domain.values import step as domain_step
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.deployment import DeployRules
from envmgr.domain.values.drift import DriftRules
from envmgr.domain.values.health import HealthCheck
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.origins.named import Named
from envmgr.domain.values.pipeline import proposal as domain_check
from envmgr.domain.values.pipeline.image import WantedImage
from envmgr.domain.values.pipeline.proposal import Gates, Terms
from envmgr.domain.values.policy import Policy
from envmgr.domain.values.step import Step

from .branch_file import BranchFile

_Section = TypeVar("_Section", bound=Section)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """The rules of one repository: a key the repository gives wins, all others are the organization's."""

    polling: Polling
    limits: Limits
    destroy: Destroy
    drift: Drift
    ttl: Ttl
    schedule: Schedule | None
    windows: Windows
    cage: Cage
    variables: Mapping[str, object]


def effective(organization: OrganizationFile, repository: RepositorySection) -> Effective:
    """The rules that hold for a repository of an organization."""
    overrides_schedule = "schedule" in repository.model_fields_set
    return Effective(
        polling=_overlay(organization.polling, repository.polling),
        limits=_overlay(organization.limits, repository.limits),
        destroy=_overlay(organization.destroy, repository.destroy),
        drift=_overlay(organization.drift, repository.drift),
        ttl=_overlay(organization.ttl, repository.ttl),
        schedule=repository.schedule if overrides_schedule else organization.schedule,
        windows=_overlay(organization.windows, repository.windows),
        cage=_overlay(organization.cage, repository.cage),
        variables={**organization.variables, **repository.variables},
    )


_LAID_OVER = ("drift", "windows")
"""What a named environment may override in part; all else that it says stands in place of the repository's."""


_NONE_HERE: Mapping[str, object] = {"deploy": (), "on_destroy": (), "on_unhealthy": "keep"}
"""What null says of a named environment: that it has none of its own, nor the repository's."""


def as_named(repository: RepositorySection, environment: NamedEnvironment) -> RepositorySection:
    """What is asked for a named environment: its repository's section, with all that it says itself laid over it.

    Its `branches` are what it follows, tags as well, and it is `protected` as a whole or not at all.
    """
    own = {name: getattr(environment, name) for name in environment.model_fields_set}
    # The repository's own `credentials` are those of its remote, which is the same for all.
    said = {
        name: value
        for name, value in own.items()
        if name in RepositorySection.model_fields and name != "credentials"
    }
    said |= {name: _NONE_HERE[name] for name, value in said.items() if value is None and name in _NONE_HERE}
    for name in (each for each in _LAID_OVER if said.get(each) is not None):
        general = getattr(repository, name)
        said[name] = _overlay(general, said[name]) if general is not None else said[name]
    return repository.model_copy(
        update={
            **said,
            "name": repository.name,
            "branches": (environment.branch or environment.tags,),
            "protected": ("*",) if environment.protected else (),
            "variables": {**repository.variables, **environment.variables},
            "environments": (),
        }
    )


def named_of(environment: NamedEnvironment) -> Named:
    """A named environment as the core knows it."""
    return Named(
        name=environment.name,
        branch=environment.branch,
        tags=environment.tags,
        prereleases=environment.prereleases,
        after=environment.after,
    )


def policy_for(organization: OrganizationFile, repository: RepositorySection, inputs: str) -> Policy:
    """What `decide` goes by; `inputs` is the digest of all that reaches Terraform besides the commit."""
    rules = effective(organization, repository)
    return Policy(
        branches=repository.branches,
        protected=repository.protected,
        confirmations=rules.destroy.confirmations,
        grace_period=rules.destroy.grace_period,
        max_at_once=rules.destroy.max_at_once,
        max_environments=rules.limits.environments,
        warn_before=rules.ttl.warn_before,
        inputs=inputs,
    )


def access_of(organization: OrganizationFile) -> Rules:
    """Who may do what in an organization, and in those of its repositories that say it themselves."""
    own = {r.name: r.access for r in organization.repositories if r.access is not None}
    return Rules(_members(organization.access), {name: _members(access) for name, access in own.items()})


def _members(access: Access) -> Mapping[Role, tuple[str, ...]]:
    return {Role(name): members for name, members in dict(access.roles).items()}


def schedule_of(section: Schedule | None) -> domain.Schedule | None:
    """A schedule as the core knows it."""
    if section is None:
        return None
    return domain.Schedule(
        up=section.up, down=section.down, timezone=section.timezone, down_run=commands_of(section.down_run)
    )


def commands_of(steps: Iterable[CommandStep]) -> tuple[Step, ...]:
    """Commands as the core knows them."""
    return tuple(Step(name=step.name, run=step.run, timeout=step.timeout) for step in steps)


def images_of(images: Iterable[Image], name: str = "") -> tuple[WantedImage, ...]:
    """The images that are followed, as the core knows them; a named environment's own by its name."""
    return tuple(WantedImage(image.variable, image.image, image.tags, name) for image in images)


def build_of(steps: Iterable[BuildStep]) -> tuple[Step, ...]:
    """What is run before a plan, as the core knows it."""
    return tuple(Step(name=s.name, run=s.run, timeout=s.timeout, when=s.when) for s in steps)


def gates_of(organization: OrganizationFile, repository: RepositorySection) -> Gates:
    """What the plans of a repository have to pass."""
    approval = repository.approval
    return Gates(
        checks=tuple(map(_check, repository.checks or ())),
        approval=None
        if approval is None
        else Terms(
            needed=approval.needed,
            role=Role(approval.role),
            expires=approval.expires,
            allows_author=approval.self_,
            frees_rollback=approval.rollback == "free",
        ),
        data=organization.resources_with_data,
        counts_reviews=approval is not None and approval.reviews,
    )


def _check(section: Check) -> domain_check.Check:
    return domain_check.Check(
        name=section.name,
        on_failure=section.on_failure,
        step=None
        if section.run is None
        else Step(name=section.name, run=section.run, timeout=section.timeout),
        policy=Path(section.rego) if section.rego is not None else None,
        builtin=section.terraform,
    )


def deploy_rules_of(
    repository: RepositorySection | Application, branch_file: BranchFile | None = None
) -> DeployRules:
    """How the code of a repository or an application is deployed; what a branch's own file says of that counts in its place."""
    section = branch_file or BranchFile()
    return DeployRules(
        steps=tuple(map(_step, section.deploy or repository.deploy)),
        on_destroy=commands_of(section.on_destroy or repository.on_destroy),
        health=_health(section.health or repository.health),
        on_unhealthy=repository.on_unhealthy,
    )


def _step(section: DeployStep) -> Step:
    cause, paths = ("always", section.when) if isinstance(section.when, tuple) else (section.when, ())
    return Step(
        name=section.name,
        run=_action(section),
        timeout=section.timeout,
        when=cast(domain_step.Cause, cause),
        paths=paths,
    )


def _action(section: DeployStep) -> domain_step.Command | domain_step.Site | domain_step.Zip:
    site, package = section.site, section.zip
    if site is not None:
        return domain_step.Site(
            folder=site.folder,
            bucket=site.bucket or "",
            storage_account=site.storage_account or "",
            container=site.container,
            cache_control=site.cache_control,
        )
    if package is not None:
        return domain_step.Zip(
            folder=package.folder, function=package.function or "", app_service=package.app_service or ""
        )
    return section.run or ""


def _health(section: Health | None) -> HealthCheck | None:
    if section is None:
        return None
    return HealthCheck(
        url=section.url or "",
        run=section.run or "",
        expect=section.expect,
        body=section.body or "",
        timeout=section.timeout,
        interval=section.interval,
    )


def windows_of(section: Windows) -> domain.Windows:
    """Windows as the core knows them."""
    allow, deny = (
        tuple(domain.Span(span.start, span.duration) for span in spans)
        for spans in (section.allow, section.deny)
    )
    return domain.Windows(allow=allow, deny=deny, timezone=section.timezone)


def drift_rules_of(section: Drift) -> DriftRules:
    """Rules for drift as the core knows them."""
    return DriftRules(action=section.action, interval=section.interval, ignore=section.ignore)


def backend_settings(organization: OrganizationFile, data_dir: Path) -> tuple[str, dict[str, object]]:
    """The backend's type and Terraform's own keys without `key`; for local always an absolute `path`."""
    backend = organization.backend
    settings = dict(backend.settings)
    if backend.type == "local":
        settings.setdefault("path", str(data_dir / "state"))
    return backend.type, settings


def process_environment(organization: OrganizationFile, environ: Mapping[str, str]) -> dict[str, str]:
    """The organization's environment variables with all secrets read now; raises NeedsPerson."""
    return {name: resolve(secret, environ) for name, secret in organization.environment_variables.items()}


def secrets_of(organization: OrganizationFile) -> Iterator[Secret]:
    """All that must be kept out of what people see: every reference, and literals that are secrets by name."""
    for name, secret in organization.environment_variables.items():
        if isinstance(secret, SecretReference) or looks_secret(name) or password_in(secret):
            yield secret
    for found in _all_credentials(organization):
        keys = (each.signing_key for each in (found.aws, found.azure) if each is not None)
        yield from (key for key in keys if key is not None)
    for notification in organization.notifications:
        yield from (s for s in (notification.url, notification.secret) if s is not None)
    for repository in organization.repositories:
        images = [*repository.images, *(i for e in repository.environments for i in e.images)]
        yield from (image.credentials.password for image in images if image.credentials)
        credentials = repository.credentials
        if credentials is not None:
            yield from (s for s in (credentials.password, credentials.ssh_key) if s is not None)
        yield from (secret for _, secret in secrets_of_forge(repository.forge))


def run_credentials(organization: OrganizationFile, environment: EnvironmentId) -> RunCredentials:
    """What the runs of an environment sign in by: what it has of its own, else the organization's."""
    own = (
        each.credentials
        for section in organization.repositories
        for each in section.environments
        if (section.name, each.name) == (environment.repository, environment.name)
    )
    return _overlay(organization.credentials, next(own, None))


def _all_credentials(organization: OrganizationFile) -> Iterator[RunCredentials]:
    yield organization.credentials
    for repository in organization.repositories:
        yield from (e.credentials for e in repository.environments if e.credentials is not None)


def redactor_for(
    organizations: Iterable[OrganizationFile], environ: Mapping[str, str], others: Iterable[Secret] = ()
) -> Redactor:
    """Knows every secret of some organizations, and others such as `settings.database`, as they are now.

    A secret that cannot be read is left out: it reaches nothing either. A new one is needed where secrets
    may have been rotated.
    """
    secrets = {*others, *(secret for organization in organizations for secret in secrets_of(organization))}
    return _redactor(frozenset(value for secret in secrets for value in _values(secret, environ)))


@lru_cache(maxsize=4)
def _redactor(values: frozenset[str]) -> Redactor:
    """Making one takes a while, and it is asked for at each use of a secret."""
    return Redactor(values)


def _values(secret: Secret, environ: Mapping[str, str]) -> Iterator[str]:
    try:
        value = resolve(secret, environ)
    except NeedsPerson:
        return
    yield value
    if password := password_in(value):
        yield password


def _overlay(general: _Section, special: _Section | None) -> _Section:
    if special is None:
        return general
    return general.model_copy(update={name: getattr(special, name) for name in special.model_fields_set})
