"""What a Terraform command is confined to: decided by what it is there for, and by its workspace."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from envmgr.domain.rules.cage import confine, credentials_of
from envmgr.domain.rules.network.endpoints import of_clouds, of_state
from envmgr.domain.rules.sign_in import for_backend
from envmgr.domain.values.cage import Cage, CageLimits, Credentials, Ground, Purpose
from envmgr.host.cage.files import certificates, secret_files
from envmgr.ports import Workspace

from .cli_configuration import bare_configuration, mirrors_in
from .process_environment import process_environment
from .providers.cache import ProviderCache
from .versions import locate

_PURPOSES = {
    "init": Purpose.INIT,
    "validate": Purpose.VALIDATE,
    "fmt": Purpose.VALIDATE,
    "show": Purpose.SHOW,
    "plan": Purpose.PLAN,
    "apply": Purpose.APPLY,
    "state push": Purpose.STATE,
    "state pull": Purpose.STATE,
    "force-unlock": Purpose.STATE,
}
_LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What the commands of one workspace may have to do with on this host.

    `own` is envmgr's environment, `home` the home of what runs there, `cli_config` the CLI configuration, and
    `settings` the folder of ours for another one.
    """

    workspace: Workspace
    providers: ProviderCache
    own: Mapping[str, str]
    home: Path
    cli_config: Path
    settings: Path

    def of(self, command: str, limits: CageLimits, temporary: Path, arriving: Path | None = None) -> Cage:
        """The cage of a command, with its temporary folder and where the providers go that it brings."""
        rules = self.workspace.cage
        purpose = _PURPOSES[command]
        ground = self._ground(purpose, temporary, arriving) if rules.kind != "none" else Ground(code="")
        return confine(purpose, rules, ground, limits)

    def environment(self, cage: Cage) -> dict[str, str]:
        """The variables of a command in a cage; raises NeedsPerson where one cannot be given to a process."""
        inherited = {name: self.own[name] for name in cage.inherits if name in self.own}
        workspace, cli_config = self.workspace, self.cli_config
        if cage.is_closed:
            workspace = replace(workspace, environment=self._given(cage.credentials))
        if cage.is_closed and cage.purpose is not Purpose.INIT:
            cli_config = bare_configuration(self.settings)
        return process_environment(workspace, inherited, self.home, cli_config)

    def program(self, cage: Cage) -> str:
        """By which name Terraform is started."""
        binary = self.workspace.binary
        return str(locate(binary)) if cage.is_closed else binary

    def _given(self, credentials: Credentials) -> Mapping[str, str]:
        """The organization's variables, without those that a command in a cage has no use for."""
        match credentials:
            case Credentials.NONE:
                return {}
            case Credentials.BACKEND:
                return for_backend(self.workspace.environment, self.workspace.backend[0])
            case _:
                return self.workspace.environment

    def _ground(self, purpose: Purpose, temporary: Path, arriving: Path | None) -> Ground:
        workspace, given = self.workspace, self._given(credentials_of(purpose))
        return Ground(
            code=str(workspace.checkout or workspace.root),
            folders=(str(workspace.data), *_held(workspace)),
            passing=(str(temporary),),
            state=_state(workspace),
            outside=tuple(map(str, workspace.outside)),
            arriving=(str(arriving),) if arriving is not None else (),
            sources=(str(self.cli_config), *mirrors_in(self.cli_config)),
            tools=(
                str(locate(workspace.binary)),
                str(bare_configuration(self.settings)),
                str(self.providers.packages),
                *self.providers.elsewhere(),
                *certificates(self.own, workspace.environment),
            ),
            secrets=secret_files(given),
            state_at=of_state(workspace.backend, workspace.environment),
            clouds_at=of_clouds(workspace.environment),
        )


def _held(workspace: Workspace) -> Iterator[str]:
    """The folders from the checkout down to Terraform's own: each is a mount, so that nothing can be put in its place.

    Envmgr goes on with what these names lead to. A link that the code has there itself is none of these.
    """
    top, root = workspace.checkout or workspace.root, workspace.root
    for name in reversed([root, *root.parents]):
        if name.is_relative_to(top) and name != top:
            if name.is_symlink() or not name.is_dir():
                return
            yield str(name)


def _state(workspace: Workspace) -> str:
    """The folder of a state on this host, made where it is missing, so that it can be shown."""
    kind, settings = workspace.backend
    if kind != _LOCAL:
        return ""
    folder = Path(str(settings["path"])).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(folder)
