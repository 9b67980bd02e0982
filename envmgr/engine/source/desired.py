"""What a commit wants of its environment: source, variables, tags, time to live, deploy; before anything runs."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from envmgr.config.branch_file import BRANCH_FILE, MAX_BYTES, parse_branch_file
from envmgr.config.expand import schedule_of
from envmgr.domain.audit.inventory import LOCAL_MODULE, LOCAL_ROOT
from envmgr.domain.errors import EnvmgrError, NeedsPerson
from envmgr.domain.rules.fingerprint import fingerprint
from envmgr.domain.rules.origins.guards import not_as_named
from envmgr.domain.values.backend import changed, is_same, place
from envmgr.domain.values.deployment import DeployRules
from envmgr.domain.values.environment import Claim, Environment, OriginKind, Source, SourceKind
from envmgr.domain.values.schedule import Schedule
from envmgr.domain.values.tags import tags_for
from envmgr.engine.context.organization import Organization, Repository
from envmgr.engine.context.services import Services

from . import needs, tool
from .reach import reaches_outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The claim that an apply of the commit would make, what else the branch asks for, and a remark on that."""

    claim: Claim
    ttl: timedelta | None
    author: str
    deploy: DeployRules
    schedule: Schedule | None = None


def wanted(services: Services, repository: Repository, environment: Environment, commit: str) -> Desired:
    """Reads from the mirror what a commit wants; raises NeedsPerson where the branch is wrong.

    For code in the branch the source's scope is the one known from the last apply: while the folder
    is the same, so is what it reaches for.
    """
    _check_configured(repository, environment)
    kind, path = repository.source
    scope = _known_scope(environment, kind, path)
    found = services.git.inspect(repository.id, commit, scope, BRANCH_FILE, MAX_BYTES)
    branch_file = parse_branch_file(found.file or b"", allow_deploy=repository.allow_branch_deploy)
    if repository.application and branch_file.health:
        raise NeedsPerson(
            f"{BRANCH_FILE}: health: set it for each application in the organization file, not here."
        )
    if kind is SourceKind.MODULE:
        source = Source(kind, path, repository.module_tree(), path)
    elif found.tree is None:
        where = f"commit {commit[:10]} of {environment.followed}"
        raise NeedsPerson(f"There is no folder {path!r} in {where}: add it, or set terraform.directory.")
    else:
        source = Source(kind, path, found.tree, scope)
    tags = tags_for(environment.id, environment.line)
    given = needs.given(services, repository, environment)
    # Later ones win: outputs of what it needs, then the organization, then the branch; what envmgr sets
    # itself beats them all.
    variables = {
        **given.variables,
        **repository.variables,
        **branch_file.variables,
        **_builtin(environment, tags),
    }
    if (source.kind, source.path) == (SourceKind.MODULE, LOCAL_MODULE):
        variables = _with_root(variables, repository.organization.home)
    claim = Claim(
        commit=commit,
        source=source,
        variables=variables,
        tags=tags,
        terraform_version=tool.expected(repository.organization, environment, source),
        backend=repository.organization.backend,
        fingerprint="",
        lock_file=environment.claim.lock_file if environment.claim else None,
        needs=given.needs,
        met=given.met,
        modules=environment.claim.modules if environment.claim else "",
        untaken=environment.claim.untaken if environment.claim else (),
    )
    return Desired(
        claim=with_fingerprint(claim),
        ttl=branch_file.ttl,
        author=found.info.author,
        deploy=repository.deploy_rules(branch_file),
        schedule=schedule_of(branch_file.schedule),
    )


def branch_ttl(services: Services, repository: Repository, environment: Environment) -> timedelta | None:
    """The time to live that a branch's newest commit asks for; None also where the mirror cannot say."""
    with suppress(EnvmgrError):
        found = services.git.read_file(repository.id, environment.commit, BRANCH_FILE, MAX_BYTES)
        return parse_branch_file(found or b"", allow_deploy=repository.allow_branch_deploy).ttl
    return None


def deploy_rules(services: Services, repository: Repository, commit: str) -> DeployRules:
    """How a commit's code is deployed; by the repository's rules alone where its branch file cannot be had or is wrong."""
    try:
        content = services.git.read_file(repository.id, commit, BRANCH_FILE, MAX_BYTES)
        branch_file = parse_branch_file(content or b"", allow_deploy=repository.allow_branch_deploy)
    except EnvmgrError:
        # A destroy asks this of commits that may be gone: the repository's own steps are better than none.
        return repository.deploy_rules(None)
    return repository.deploy_rules(branch_file)


def _check_configured(repository: Repository, environment: Environment) -> None:
    origin, policy = environment.origin, repository.policy
    if origin.kind is not OriginKind.PULL_REQUEST and origin.is_named is not policy.is_named:
        # By the rules of the repository as a whole it would be applied without what its own entry asked for first.
        raise NeedsPerson(
            f"{not_as_named(environment, policy)}: change that back, or end it by `envmgr destroy {environment.label}`."
        )
    if not policy.configured:
        raise NeedsPerson(
            f"{environment.label} is no longer in the configuration of {repository.id}: all that can be done is `envmgr destroy`."
        )


def with_variables(desired: Desired, built: Mapping[str, str]) -> Desired:
    """The same with images and what was built of the commit: newer than any setting, they win over all but envmgr's own."""
    if not built:
        return desired
    claim = replace(desired.claim, variables={**desired.claim.variables, **built})
    return replace(desired, claim=with_fingerprint(claim))


def with_fingerprint(claim: Claim) -> Claim:
    """The claim with the fingerprint of what it holds."""
    value = fingerprint(claim.source, claim.variables, claim.terraform_version, claim.backend, claim.needs)
    return replace(claim, fingerprint=value)


def is_applied(environment: Environment, claim: Claim) -> bool:
    """Whether the last apply was of just this, and succeeded, and nothing was tried since."""
    before = environment.claim
    return (
        before is not None
        and before.fingerprint == claim.fingerprint
        and environment.applied.fingerprint == claim.fingerprint
    )


def check_backend(environment: Environment, claim: Claim) -> None:
    """Refuses to go on where the state would be looked for in another place than it is."""
    before = environment.claim
    if before is not None and not is_same(before.backend, claim.backend):
        raise NeedsPerson(
            f"The state of {environment.label} is in {place(before.backend)}, but the organization file now names "
            f"{changed(before.backend, claim.backend)}: `envmgr move-state {environment.id.organization}` moves it there; or "
            "restore the setting."
        )


def settle_scope(services: Services, repository: Repository, claim: Claim, root: Path) -> Claim:
    """The claim with the scope its checked-out code really has, and the fingerprint by it."""
    source = claim.source
    if source.kind is SourceKind.MODULE:
        return claim
    scope = "." if reaches_outside(root) else source.path
    if scope == source.scope:
        return claim
    found = services.git.inspect(repository.id, claim.commit, scope, BRANCH_FILE, MAX_BYTES)
    if found.tree is None:
        raise NeedsPerson(f"There is no folder {scope!r} in commit {claim.commit[:10]}.")
    return with_fingerprint(replace(claim, source=replace(source, tree=found.tree, scope=scope)))


def settle_version(organization: Organization, claim: Claim, root: Path, checkout: Path) -> Claim:
    """The claim with the version that its checked-out code allows, and the fingerprint by it."""
    version = tool.settled(organization, claim, root, checkout)
    if version == claim.terraform_version:
        return claim
    return with_fingerprint(replace(claim, terraform_version=version))


def _known_scope(environment: Environment, kind: SourceKind, path: str) -> str:
    before = environment.claim.source if environment.claim else None
    return before.scope if before and (before.kind, before.path) == (kind, path) else path


def _with_root(variables: Mapping[str, object], home: str | None) -> dict[str, object]:
    """Where local environments are, said without `~`: Terraform's own home is an empty folder that goes with its run."""
    root = variables.get("root") or LOCAL_ROOT
    if home is None or not isinstance(root, str) or not root.startswith("~/"):
        return dict(variables)
    return {**variables, "root": str(Path(home, root[2:]))}


def _builtin(environment: Environment, tags: Mapping[str, str]) -> dict[str, object]:
    return {
        "environment": environment.id.name,
        "project": environment.id.repository,
        "organization": environment.id.organization,
        "branch": environment.line,
        "tags": dict(tags),
        **({"application": environment.id.application} if environment.id.application else {}),
    }
