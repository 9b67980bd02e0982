"""Where a repository is on Azure DevOps, and how that is spoken with."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from envmgr.adapters.forge.answer import Answer
from envmgr.adapters.forge.client import Dialect, segment
from envmgr.domain.errors import NeedsPerson

SERVICES = "https://dev.azure.com"
VERSION: Mapping[str, str | int] = {"api-version": "7.1"}

_OLD_SERVICES = ".visualstudio.com"


@dataclass(frozen=True, slots=True)
class Place:
    """A repository: `base` is the address of its organization or collection, `identities` where that knows people by.

    `project` and `repository` are fit for a path.
    """

    base: str
    identities: str
    project: str
    repository: str

    @property
    def path(self) -> str:
        """Where the calls about the repository are."""
        return f"/{self.project}/_apis/git/repositories/{self.repository}"

    @property
    def page(self) -> str:
        """The repository's own page."""
        return f"{self.base}/{self.project}/_git/{self.repository}"


def place_of(url: str, repository: str) -> Place:
    """Where a repository is: `organization/project/repository`, or without the organization where the address has it already.

    On Server the collection takes the organization's place. Raises NeedsPerson for anything else.
    """
    parts = repository.split("/")
    if len(parts) not in (2, 3):
        raise NeedsPerson(
            f"Azure DevOps has no repository {repository!r}: its `repository` is organization/project/repository."
        )
    *organization, project, name = [segment(part) for part in parts]
    base = "/".join([url.rstrip("/"), *organization])
    host = urlsplit(url).hostname or ""
    identities = base
    if host == urlsplit(SERVICES).hostname:
        identities = base.replace("https://dev.azure.com", "https://vssps.dev.azure.com", 1)
    elif host.endswith(_OLD_SERVICES):
        identities = base.replace(host, f"{host.removesuffix(_OLD_SERVICES)}.vssps{_OLD_SERVICES}", 1)
    return Place(base, identities, project, name)


def dialect(where: str) -> Dialect:
    """How Azure DevOps is spoken with. Who it does not know it sends to a page to sign in, as if that were the answer."""
    return Dialect(
        where=where,
        headers={"X-TFS-FedAuthRedirect": "Suppress"},
        next_page=_next_page,
        unknown=frozenset(
            {HTTPStatus.UNAUTHORIZED, HTTPStatus.NON_AUTHORITATIVE_INFORMATION, HTTPStatus.FOUND}
        ),
    )


def _next_page(answer: Answer) -> str | None:
    """A list goes on where the answer gives a mark, or else where a page was full."""
    parts = urlsplit(answer.url)
    query = dict(parse_qsl(parts.query))
    mark = answer.headers.get("x-ms-continuationtoken")
    if mark:
        query["continuationToken"] = mark
    elif "$top" in query and len(answer.as_object().listed("value")) >= int(query["$top"]):
        query["$skip"] = str(int(query.get("$skip", "0")) + int(query["$top"]))
    else:
        return None
    return parts._replace(query=urlencode(query, quote_via=quote)).geturl()
