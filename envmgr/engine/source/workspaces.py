"""Making the folder in which Terraform runs for an environment."""

from pathlib import Path

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.tool.noted import is_opentofu
from envmgr.domain.values.backend import with_key
from envmgr.domain.values.code import is_code, read_by_opentofu, read_by_terraform
from envmgr.domain.values.environment import Claim, Environment, SourceKind
from envmgr.domain.values.tags import default_tags_environment
from envmgr.engine.context.organization import Access
from envmgr.engine.context.services import Services
from envmgr.engine.work.job import Job
from envmgr.host.leftovers import accessible, files
from envmgr.ports import Workspace

from .outside import made
from .reach import reaches_outside

_WITH_STATE = ("source", "terraform")
_ERRORED, _APPLYING = "errored.tfstate", "envmgr-applying"
"""Files in a working folder by which an apply's state may still be there and nowhere else; an empty state is none."""


def checkout(services: Services, environment: Environment, claim: Claim) -> Path:
    """Puts the claim's files in the environment's working folder; gives the Terraform module's folder.

    Of a branch only what Terraform can read: its folder, or all where the code reaches outside it.
    """
    folder = services.layout.private(services.layout.workspace(environment.id))
    destination, root = folder / "source", module_root(services, environment, claim)
    if claim.source.kind is SourceKind.MODULE:
        services.modules.checkout(claim.source.path, claim.source.tree, destination)
    else:
        repository = environment.id.repository_id
        services.git.checkout(repository, claim.commit, destination, claim.source.scope)
        # What lies outside is known only once the code is there: so the folder first, and all of the branch
        # where it is needed.
        if claim.source.scope != "." and reaches_outside(root):
            services.git.checkout(repository, claim.commit, destination)
    if not root.is_dir() or not any(is_code(path.name) for path in root.iterdir()):
        raise _no_code(claim)
    return root


def check_is_read(claim: Claim, root: Path) -> None:
    """Raises NeedsPerson where nothing of a module's folder is read by the tool that a claim names.

    Folders and hidden files are not, nor is OpenTofu's own code by Terraform: it would plan as if there were none.
    """
    names = {path.name for path in root.iterdir() if not path.is_dir()}
    read = read_by_opentofu if is_opentofu(claim.terraform_version) else read_by_terraform
    if not read(names):
        raise _no_code(claim)


def _no_code(claim: Claim) -> NeedsPerson:
    tool = "OpenTofu" if is_opentofu(claim.terraform_version) else "Terraform"
    return NeedsPerson(
        f"There is no Terraform code (*.tf) that {tool} reads in the folder {claim.source.path!r} of commit {claim.commit[:10]}: "
        "an empty plan would destroy what was applied before, so it is refused."
    )


def module_root(services: Services, environment: Environment, claim: Claim) -> Path:
    """The folder of the Terraform module in an environment's working folder."""
    found = source(services, environment)
    return found if claim.source.kind is SourceKind.MODULE else found / claim.source.path


def source(services: Services, environment: Environment) -> Path:
    """The folder of the checkout in an environment's working folder."""
    return services.layout.workspace(environment.id) / "source"


def workspace(job: Job, access: Access, claim: Claim, binary: str) -> Workspace:
    """The environment's working folder as Terraform is to see it, for what a claim says."""
    services, environment = job.services, job.environment
    return Workspace(
        root=module_root(services, environment, claim),
        data=services.layout.terraform_data(environment.id),
        temporary=services.layout.temporary(environment.id),
        binary=binary,
        backend=with_key(claim.backend, environment.id.state_key),
        variables={**access.variables, **claim.variables},
        environment={**default_tags_environment(claim.tags), **access.environment},
        lock_file=claim.lock_file,
        folder=claim.source.path if claim.source.kind is SourceKind.DIRECTORY else "",
        memory=job.repository.terraform_limits.memory,
        cage=job.repository.cage,
        checkout=source(services, environment),
        outside=made(job.repository.cage, environment.id),
        holder=job.holder(),
    )


def holds_state(path: Path) -> bool:
    """Whether a working folder may hold a state that is nowhere else."""
    accessible(path)  # what cannot be looked into holds no less
    parts = (path / part for part in _WITH_STATE)
    found = (file for part in parts for file in files(part))
    return any(f.name == _APPLYING or (f.name == _ERRORED and f.lstat().st_size > 0) for f in found)
