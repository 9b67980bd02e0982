"""One organization of the configuration, wired to its backend, its clouds and its Terraform."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from envmgr.config.branch_file import BranchFile
from envmgr.config.sections.secrets import Redactor, texts_in
from envmgr.domain.documents.state import State
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.origins.previews import standing
from envmgr.domain.rules.tool.constraints import Constraint
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.backend import Backend
from envmgr.domain.values.cage import CageRules
from envmgr.domain.values.deployment import DeployRules
from envmgr.domain.values.digest import digest
from envmgr.domain.values.drift import DriftRules
from envmgr.domain.values.environment import FROM_BRANCH, Environment, Origin, OriginKind, SourceKind
from envmgr.domain.values.forge import ForgeRules, KnownPullRequest, PreviewRules
from envmgr.domain.values.names import EnvironmentId, RepositoryId, known_names, matches_any
from envmgr.domain.values.origins.named import Asked, Named
from envmgr.domain.values.origins.previews import AskedPreviews
from envmgr.domain.values.pipeline.image import SeenImage, WantedImage
from envmgr.domain.values.pipeline.proposal import Gates, Terms
from envmgr.domain.values.policy import Policy
from envmgr.domain.values.schedule import Schedule, Ticks, Windows, closed, phase
from envmgr.domain.values.step import Step
from envmgr.ports import (
    Cloud,
    GitLimits,
    Remote,
    SandboxKind,
    SignIn,
    StateStore,
    StepLimits,
    Terraform,
    TerraformLimits,
    as_given,
)
from envmgr.ports.forge import Forge
from envmgr.ports.kept import Releases
from envmgr.ports.registry import Login


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An organization's environment variables with their secrets resolved, and how to hide these.

    `variables` are input variables that Terraform gets and that are written down nowhere.
    """

    environment: Mapping[str, str] = field(repr=False)
    redact: Redactor
    variables: Mapping[str, object] = field(default_factory=dict, repr=False)

    def hiding(self, state: State | None) -> Redactor:
        """Hides a state's sensitive outputs like secrets: code may print them where Terraform cannot know."""
        outputs = state.outputs.values() if state is not None else ()
        return self.redact.also(t for o in outputs if o.sensitive for t in texts_in(o.value))


@dataclass(slots=True)
class Rebuilding:
    """Whether an organization's records were looked for beside its states, and what of them could not be had.

    After a failure polls try it `again` only from then on; one of the same sort is no news. `restored` are the records
    that came back with the commits that were applied then, of which nobody has asked yet what their forge was told before.
    """

    is_done: bool = False
    failure: type[EnvmgrError] | None = None
    again: datetime | None = None
    unrecovered: Sequence[str] = ()
    restored: dict[EnvironmentId, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class Ownership:
    """When the owner's mark beside the states was last read as ours, and whether it stands there."""

    at: datetime | None = None
    is_marked: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True, kw_only=True)
class Organization:
    """An organization: what is the same for all its repositories.

    `binary` is its Terraform; with `releases` only what such a program is called, and each commit is run with the version
    that it and `wanted_version` allow.

    `access` resolves the secrets at each call, so that a rotated credential is used from then on. `sign_in` gives a run
    credentials of its own, on AWS where it `has_roles`, on Azure where it `has_tokens`; and a signature for the
    container of its state where it `has_signature`. `is_new` says whether no environment of the organization has, or may have, a state yet. Work that is quiet for as long as
    `patience` is not counted against `concurrency`. `home` is what `~` means in its
    variables, None where the organization gives a home of its own. `check_sandbox` tells how this
    host confines steps, or raises NeedsPerson. `unkept` says of which environments what people set could not be kept
    beside the state, and why; that is tried again from `unkept_until` on.
    """

    name: str
    backend: Backend
    binary: str
    releases: Releases | None = None
    wanted_version: Constraint | None = None
    terraform: Terraform
    concurrency: int
    patience: timedelta
    sandbox: SandboxKind = "none"
    check_sandbox: Callable[[], str]
    access: Callable[[], Access]
    sign_in: SignIn = as_given
    has_roles: bool = False
    has_tokens: bool = False
    has_signature: bool = False
    open_state: Callable[[Backend, Mapping[str, str]], StateStore]
    open_clouds: Callable[[Mapping[str, str], Sequence[str]], Sequence[Cloud]]
    home: str | None
    open_places: Callable[[Mapping[str, str], Mapping[str, bool]], Mapping[str, Callable[[], Cloud]]]
    is_new: Callable[[], bool]
    rebuilding: Rebuilding = field(default_factory=Rebuilding)
    ownership: Ownership = field(default_factory=Ownership)
    unkept: dict[EnvironmentId, str] = field(default_factory=dict)
    unkept_until: datetime | None = None
    _states: dict[str, tuple[Mapping[str, str], StateStore]] = field(default_factory=dict)
    _prepared: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def known_version(self) -> str:
        """What there is to know of the version of its Terraform before any code is read; raises NeedsPerson as the port does."""
        if self.releases is None or self.wanted_version is None:
            return self.terraform.version(self.binary)
        return f"{self.releases.tool} {self.wanted_version.text}"

    def state(self, backend: Backend | None = None) -> StateStore:
        """The state store behind a backend (the organization's, unless another), with today's credentials."""
        chosen = backend or self.backend
        environment, key = self.access().environment, digest(chosen)
        with self._lock:
            opened = self._states.get(key)
            # Kept: each new client would sign in once more. Made again as soon as a credential has changed.
            if opened is None or opened[0] != environment:
                opened = self._states[key] = (environment, self.open_state(chosen, environment))
            return opened[1]

    def prepare_state(self) -> None:
        """Makes the container, bucket or folder on first use.

        Only while the organization has no environment: later, a missing one is a loss that must be seen.
        """
        if not self._prepared and self.is_new():
            self.state().ensure()
        self._prepared = True

    def clouds(self, addresses: Sequence[str]) -> Sequence[Cloud]:
        """The clouds in which an environment with these resources may have left something."""
        return self.open_clouds(self.access().environment, addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToLive:
    """How long an environment lives after its last push: by default, and at most."""

    default: timedelta | None = None
    max: timedelta | None = None

    def end(
        self, began: datetime, wanted: timedelta | None, before: datetime | None
    ) -> tuple[datetime | None, bool]:
        """When a life ends (None: never), and whether the wanted duration was cut to the maximum.

        Never sooner than `before`, the end that it had: that was promised.
        """
        duration = wanted if wanted is not None else self.default
        if duration is None:
            return None, False
        cut = self.max is not None and duration > self.max
        end = began + (self.max if cut and self.max else duration)
        return max(end, before or end), cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository of the configuration, or one application of it: what is the same for all its environments.

    A repository that lists `applications` has one of these for each of them, ordered so that what is needed comes
    first. `application` is the name of such a one, `folder` its place in the branch, `needs` what it needs.
    `health_networks` are those beside public ones that health checks may ask. `cage` confines what a branch runs. `build` is run before a plan,
    `tests` once it is healthy. `images` are those it follows, `seen_images` what the registries were last seen to have,
    `registry_login` how the one of a variable lets envmgr in.
    `frozen` reads which freeze holds at a moment.
    `environments` are what it is for each named environment, by name; `follows` says of such a one what that is.
    `gates` are what its plans have to pass. `forge` is where its pull requests are, None where none is configured, and `forge_rules` how it is dealt with;
    `previews` says which of these have an environment, None: none. `pull` gives what is known of one by its number.
    """

    id: RepositoryId
    organization: Organization
    branches: tuple[str, ...]
    interval: timedelta
    source: tuple[SourceKind, str]
    variables: Mapping[str, object]
    policy: Policy
    remote: Callable[[], Remote]
    module_tree: Callable[[], str]
    ticks: Ticks
    drift: DriftRules
    windows: Windows
    step_limits: StepLimits
    git_limits: GitLimits = field(default_factory=GitLimits)
    terraform_limits: TerraformLimits = field(default_factory=TerraformLimits)
    cage: CageRules = field(default_factory=CageRules)
    health_networks: tuple[str, ...] = ()
    gates: Gates = field(default_factory=Gates)
    schedule: Schedule | None = None
    deploy_rules: Callable[[BranchFile | None], DeployRules] = lambda _: DeployRules()
    ttl: TimeToLive = TimeToLive()
    allow_branch_deploy: bool = False
    build: tuple[Step, ...] = ()
    images: tuple[WantedImage, ...] = ()
    seen_images: Callable[[], Mapping[str, SeenImage]] = dict
    registry_login: Callable[[str], Login | None] = lambda _: None
    tests: tuple[Step, ...] = ()
    application: str = ""
    folder: str = "."
    needs: tuple[str, ...] = ()
    frozen: Callable[[datetime], Freeze | None] = lambda _: None
    applications: Mapping[str, "Repository"] = field(default_factory=dict)
    follows: Named | None = None
    forge: Forge | None = None
    forge_rules: ForgeRules = field(default_factory=ForgeRules)
    previews: PreviewRules | None = None
    pull: Callable[[int], KnownPullRequest | None] = lambda _: None
    environments: Mapping[str, "Repository"] = field(default_factory=dict)

    @property
    def parts(self) -> tuple["Repository", ...]:
        """Its applications in the order in which they are applied; itself where it has none."""
        return tuple(self.applications.values()) or (self,)

    @property
    def asked(self) -> Asked:
        """What is asked of it beside branches that match."""
        named = (each.follows for each in self.environments.values())
        applications = tuple(part.application for part in self.parts)
        named_ones = tuple(each for each in named if each is not None)
        return Asked(
            named=named_ones, applications=applications, previews=self._asked_previews, apart=self.interval
        )

    @property
    def _asked_previews(self) -> AskedPreviews | None:
        if self.previews is None or self.forge is None:
            return None
        traits, is_caged = self.forge.traits, self.cage.kind != "none"
        return AskedPreviews(
            rules=self.previews, heads=traits.heads, are_merges=traits.heads_are_merges, is_caged=is_caged
        )

    @property
    def origin(self) -> Origin:
        """What the environments that this is for come from."""
        return self.follows.origin if self.follows is not None else FROM_BRANCH

    @property
    def watched(self) -> tuple[str, ...]:
        """The patterns of all branches that have, or are, an environment."""
        return (*self.branches, *(each.branch for each in self.asked.named if each.branch is not None))

    @property
    def watched_tags(self) -> tuple[str, ...]:
        """The patterns of all tags that have an environment."""
        return tuple(each.tags for each in self.asked.named if each.tags is not None)

    @property
    def kept(self) -> tuple[str, ...]:
        """The patterns of all branches and tags whose environments are protected."""
        named = (each for each in self.environments.values() if each.policy.protected)
        return (*self.policy.protected, *(pattern for each in named for pattern in each.branches))

    def may_have(self, identity: EnvironmentId, branch: str, origin: Origin | None = None) -> bool:
        """Whether an environment of this name is, or was by an earlier release, the one of a branch, a tag or a pull request."""
        if origin is not None and origin.kind is OriginKind.PULL_REQUEST:
            asked = self._asked_previews
            return asked is not None and identity.name == asked.name(origin.number or 0)
        named = self.environments.get(identity.name)
        if self.follows is not None or named is not None:
            return matches_any(branch, (named or self).branches)
        return identity.name in known_names(branch, self.branches)

    def everywhere(self, change: Callable[["Repository"], "Repository"]) -> "Repository":
        """It, and what it is for each of its applications and named environments, changed in the same way."""
        parts, named = self.applications, self.environments
        return replace(
            change(self),
            applications={name: part.everywhere(change) for name, part in parts.items()},
            environments={name: each.everywhere(change) for name, each in named.items()},
        )

    def of(self, identity: EnvironmentId) -> "Repository":
        """What it is for one environment, or an application of it; also for one that is no longer configured.

        This is the one place that tells what is asked for an environment.
        """
        if identity.name in self.environments:
            return self.environments[identity.name].of(identity)
        name = identity.application
        if name in self.applications or not (name or self.applications):
            return self.applications.get(name, self)
        policy = replace(self.policy, configured=False)
        return replace(self, application=name, applications={}, policy=policy)

    def in_order(self, environments: Iterable[Environment]) -> list[Environment]:
        """Records of one environment in the order in which they are applied; what is not configured any more last."""
        order = {part.application: number for number, part in enumerate(self.parts)}
        return sorted(environments, key=lambda e: order.get(e.id.application, len(order)))

    def policy_for(
        self, environment: Environment, inputs: str | None, now: datetime, frozen: Freeze | None = None
    ) -> Policy:
        """The rules with `inputs` at a moment; where the inputs cannot be known, the ones that were applied."""
        known = inputs if inputs is not None else (environment.applied.inputs or "unknown")
        wanted = environment.schedule or self.schedule
        return replace(
            self._policy_of(environment),
            inputs=known,
            phase=phase(wanted, self.ticks, now) if wanted is not None else None,
            closed=closed(self.windows, self.ticks, now),
            frozen=frozen,
            approval=self.terms,
        )

    @property
    def terms(self) -> Terms:
        """Who has to approve a plan that takes an approval."""
        return self.gates.approval or Terms()

    def _policy_of(self, environment: Environment) -> Policy:
        """The rules of its origin: what a pull request's head is called protects nothing."""
        if environment.origin.kind is not OriginKind.PULL_REQUEST:
            return self.policy
        asked, number = self._asked_previews, environment.origin.number
        against = None if asked is None else standing(environment, self.pull(number or 0), asked)
        return replace(self.policy, protected=(), previews=asked is not None, objection=against)

    def is_protected(self, environment: Environment) -> bool:
        """Whether an environment is only ever destroyed by hand."""
        return matches_any(environment.branch, self._policy_of(environment).protected)

    def ttl_of(self, environment: Environment) -> TimeToLive:
        """How long an environment lives after its last push."""
        if environment.origin.kind is not OriginKind.PULL_REQUEST or self.previews is None:
            return self.ttl
        return replace(self.ttl, default=self.previews.ttl)

    def known_images(self) -> dict[str, str]:
        """The images that its registries told of, as long as they are what is looked for."""
        seen = self.seen_images() if self.images else {}
        return {
            wanted.variable: found.reference
            for wanted in self.images
            if (found := seen.get(wanted.variable)) is not None
            and found.asked == wanted.asked
            and found.reference is not None
        }

    def inputs(self) -> str | None:
        """A digest over all that reaches Terraform besides the commit; None where it cannot be known now."""
        try:
            version = self.organization.known_version()
            tree = self.module_tree()
        except EnvmgrError:
            return None  # the next apply says what is wrong; what is ready stays as it is
        known = [version, tree, self.source, self.variables, self.organization.backend]
        images = self.known_images()
        if len(images) < len(self.images):
            return None  # the first apply waits for them; what is ready stays as it is
        # Only where there are any: what was applied before there were builds and images keeps its digest.
        more = ([asdict(step) for step in self.build], images)
        return digest([*known, *more] if any(more) else known)
