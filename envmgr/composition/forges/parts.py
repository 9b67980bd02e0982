"""What repositories on one forge share: how often it may be asked, what it answered, and how it is reached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from envmgr.adapters.forge.budget import Budget
from envmgr.adapters.forge.cache import Cache
from envmgr.adapters.forge.client import Dialect, ForgeClient
from envmgr.adapters.forge.signing import SignIn, TokenSignIn
from envmgr.adapters.forge.wire import Wire
from envmgr.config.sections.forge.forge import Forge as ForgeSection
from envmgr.config.sections.secrets import Secret, SecretReference, resolve
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.digest import digest
from envmgr.ports.forge import Forge


@dataclass(frozen=True, slots=True)
class Shared:
    """What all have in common who ask a forge with one token."""

    wire: Wire
    budget: Budget
    cache: Cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the forge of one repository is made of. `url` is the forge's address, `repository` the name there, `where` the forge's in sentences.

    `shared` gives what is shared by all with the same credentials, and seconds between two writes. `needs_labels`: something
    depends on the labels of pull requests.
    """

    section: ForgeSection
    url: str
    repository: str
    where: str
    environ: Mapping[str, str] = field(repr=False)
    shared: Callable[[object, float], Shared]
    needs_labels: bool = True

    def read(self, secret: Secret) -> Callable[[], str]:
        """Reads a secret anew at each use, so that a rotated one is used."""
        return lambda: resolve(secret, self.environ)

    def token(self, **form: str) -> TokenSignIn:
        """Sign-in by the token that is configured."""
        if self.section.token is None:
            raise NeedsPerson(f"There is no token for {self.where}: give one.")
        return TokenSignIn(self.read(self.section.token), self.where, **form)

    def client(
        self,
        base: str,
        dialect: Dialect,
        sign_in: SignIn,
        write_pause: float = 0.0,
        whose: str | None = None,
    ) -> ForgeClient:
        """A client that shares with all others of the same token; or of the same of `whose`, where that is not by token."""
        key = self.section.token if whose is None else whose
        shared = self.shared(key, write_pause)
        # A token that is written out is told by nothing; where one is, is no secret.
        shown = str(key) if whose is not None or isinstance(key, SecretReference) else digest(key)[:8]
        account = f"{self.url} {shown}"
        return ForgeClient(base, dialect, sign_in, shared.wire, shared.budget, shared.cache, account)


Maker = Callable[[Parts], Forge]
"""Makes the forge of a repository."""
