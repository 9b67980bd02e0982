"""How many refs a remote may list: git has all of them in its memory before it prints the first."""

from envmgr.domain.errors import NeedsOperator
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import GitLimits

from .process import Answer, Bounds

_MEMORY = 64 * 1024**2
_MEMORY_PER_REF = 1024  # git takes some 250 bytes for one; a long name more
_BYTES_PER_REF = 200


def listing_bounds(limits: GitLimits, seconds: float) -> Bounds:
    """What a git process that lists refs may take: a server may send them without end."""
    memory = min(_MEMORY + limits.refs * _MEMORY_PER_REF, limits.memory)
    return Bounds(seconds, memory, limits.refs * _BYTES_PER_REF)


def check_listing(repository: RepositoryId, limits: GitLimits, answer: Answer) -> None:
    """Raises NeedsOperator where a listing within these bounds was too much for them."""
    if answer.is_cut or answer.lacked_memory:
        raise _too_many(repository, limits)


def check_count(repository: RepositoryId, limits: GitLimits, count: int) -> None:
    """Raises NeedsOperator for more refs than there may be."""
    if count > limits.refs:
        raise _too_many(repository, limits)


def _too_many(repository: RepositoryId, limits: GitLimits) -> NeedsOperator:
    return NeedsOperator(
        f"Repository {repository} could not be listed: it has more than {limits.refs} refs; remove some there, or raise "
        "limits.git.refs in the organization file."
    )
