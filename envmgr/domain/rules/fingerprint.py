"""What Terraform reads, as one short value: where it is what was applied last, nothing needs to run."""

from collections.abc import Mapping

from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import Source


def fingerprint(
    source: Source,
    variables: Mapping[str, object],
    terraform_version: str,
    backend: tuple[str, Mapping[str, object]],
    needs: Mapping[str, int] | None = None,
) -> str:
    """SHA-256 (hex) over all that decides what a plan would be, apart from the cloud itself."""
    return digest(
        {
            "source": [source.kind, source.path, source.scope, source.tree],
            "variables": variables,
            "terraform": terraform_version,
            "backend": [backend[0], backend[1]],
            # Only where there are any: what was applied before there were needs keeps its fingerprint.
            **({"needs": needs} if needs else {}),
        }
    )
