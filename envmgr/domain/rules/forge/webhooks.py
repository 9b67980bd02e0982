"""Webhooks of forges: whether one is of somebody who knows the secret, and which repositories it names.

Nothing else of a webhook counts: it is a hint to look sooner, and what is there is read from git and forge.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from envmgr.domain.values.forge import ForgeKind

SIGNED = "whsec_"
"""What GitLab's signing tokens begin with: with such a one each webhook is signed, else it only shows the secret."""

TOLERANCE = 300
"""How far a signed time may be from the present, in seconds."""

SHOWN_IN = "x-envmgr-secret"
"""The header in which an Azure DevOps webhook may show the secret, where it does not as the password of Basic."""

_HEADERS = {
    ForgeKind.GITHUB: ("x-hub-signature-256", "sha256="),
    ForgeKind.GITEA: ("x-gitea-signature", ""),
    ForgeKind.BITBUCKET: ("x-hub-signature", "sha256="),
}
_MOST_SIGNATURES = 8
_MOST_SECRET = 4096


class Proof:
    """Whether a webhook is of somebody who knows a secret; it takes the body as it comes, and keeps none of it."""

    def __init__(self, kind: ForgeKind, secret: str, headers: Mapping[str, str], now: datetime) -> None:
        """By headers with lower-case names. An empty secret is known by nobody."""
        self._shown: tuple[str, ...] = ()
        self._mac: hmac.HMAC | None = None
        self._is_base64 = False
        self._is_known = False
        if not secret:
            return
        if kind is ForgeKind.GITLAB:
            self._begin_gitlab(secret, headers, now)
        elif kind is ForgeKind.AZURE_DEVOPS:
            self._is_known = any(_is_same(secret, each) for each in _shown_to_azure(headers))
        else:
            name, prefix = _HEADERS[kind]
            found = headers.get(name, "")
            # What is signed shows something: Gitea sends the header empty where it has no secret.
            if found.startswith(prefix) and found != prefix:
                self._shown = (found.removeprefix(prefix),)
                self._mac = hmac.new(secret.encode(), digestmod=hashlib.sha256)

    def feed(self, piece: bytes) -> None:
        """The next piece of the body."""
        if self._mac is not None:
            self._mac.update(piece)

    @property
    def holds(self) -> bool:
        """Whether it is, once the whole body has come."""
        if self._mac is None:
            return self._is_known
        signed = base64.b64encode(self._mac.digest()).decode() if self._is_base64 else self._mac.hexdigest()
        return any(_is_same(signed, each) for each in self._shown)

    def _begin_gitlab(self, secret: str, headers: Mapping[str, str], now: datetime) -> None:
        """What carries a signature has to pass by it, whatever else it shows; with a signing token each carries one."""
        signature = headers.get("webhook-signature")
        if signature is None and not secret.startswith(SIGNED):
            self._is_known = _is_same(secret, headers.get("x-gitlab-token", ""))
            return
        key, at = _signing_key(secret), headers.get("webhook-timestamp", "")
        if key is None or not _is_recent(at, now):
            return
        found = (signature or "").split(" ")[:_MOST_SIGNATURES]
        self._shown = tuple(each.removeprefix("v1,") for each in found if each.startswith("v1,"))
        self._is_base64 = True
        self._mac = hmac.new(key, digestmod=hashlib.sha256)
        self._mac.update(f"{headers.get('webhook-id', '')}.{at}.".encode())


def named(kind: ForgeKind, body: bytes) -> frozenset[str] | None:
    """The repositories that a webhook names, as `is_of` compares them; None where that cannot be read."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    return frozenset(filter(None, (_NAMES[kind](document))))


def is_of(kind: ForgeKind, repository: str, names: frozenset[str]) -> bool:
    """Whether a repository, as the forge calls it, is among those that a webhook names; forges do not tell letters' cases apart."""
    return _comparable(kind, repository) in names


def _is_same(wanted: str, shown: str) -> bool:
    """Without telling by the time that it takes how much of it is right."""
    return hmac.compare_digest(
        wanted.encode("utf-8", "surrogatepass"), shown[:_MOST_SECRET].encode("utf-8", "surrogatepass")
    )


def _signing_key(secret: str) -> bytes | None:
    """The key in a signing token; None where it is none."""
    try:
        key = base64.b64decode(secret.removeprefix(SIGNED), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if secret.startswith(SIGNED) and key else None


def _is_recent(at: str, now: datetime) -> bool:
    return at.isascii() and at.isdecimal() and len(at) <= 12 and abs(now.timestamp() - int(at)) <= TOLERANCE


def _shown_to_azure(headers: Mapping[str, str]) -> list[str]:
    shown = [headers[SHOWN_IN]] if headers.get(SHOWN_IN) else []
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user_and_password = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            return shown
        shown.append(user_and_password.partition(":")[2])
    return shown


def _at(document: Any, *path: str) -> str:
    """The text at a path in a document; nothing where there is none."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, str) else ""


def _full_name(kind: ForgeKind, *path: str) -> Any:
    return lambda document: [_comparable(kind, _at(document, *path))]


def _of_bitbucket(document: dict[str, Any]) -> list[str]:
    """Cloud's names, or those of Data Center, which has a project's key and a slug."""
    pull_request = document.get("pullRequest")
    target = pull_request.get("toRef") if isinstance(pull_request, dict) else None
    found = [_comparable(ForgeKind.BITBUCKET, _at(document, "repository", "full_name"))]
    for each in (document, target):
        project, slug = _at(each, "repository", "project", "key"), _at(each, "repository", "slug")
        if project and slug:
            found.append(_comparable(ForgeKind.BITBUCKET, f"{project}/{slug}"))
    return found


def _of_azure(document: dict[str, Any]) -> list[str]:
    found = []
    for path in (("resource", "repository"), ("resource", "pullRequest", "repository")):
        project, name = _at(document, *path, "project", "name"), _at(document, *path, "name")
        if project and name:
            found.append(_comparable(ForgeKind.AZURE_DEVOPS, f"{project}/{name}"))
    return found


def _comparable(kind: ForgeKind, name: str) -> str:
    """A repository's name as two of them are compared: on Azure DevOps its project and its name, whatever the address looks like."""
    parts = [part for part in name.lower().split("/") if part]
    if kind is ForgeKind.AZURE_DEVOPS:
        parts = [part for part in parts if part != "_git"]
        parts = (parts * 2)[-2:]  # a repository that is called as its project is may be named once
    return "/".join(parts)


_NAMES = {
    ForgeKind.GITHUB: _full_name(ForgeKind.GITHUB, "repository", "full_name"),
    ForgeKind.GITLAB: _full_name(ForgeKind.GITLAB, "project", "path_with_namespace"),
    ForgeKind.GITEA: _full_name(ForgeKind.GITEA, "repository", "full_name"),
    ForgeKind.BITBUCKET: _of_bitbucket,
    ForgeKind.AZURE_DEVOPS: _of_azure,
}
