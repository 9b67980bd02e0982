"""Signed webhooks, as the Standard Webhooks specification has them."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from http.client import HTTPException
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.values.notices import Message
from envmgr.host.asking.addresses import asking
from envmgr.host.asking.failure import reason
from envmgr.host.asking.pools import AuthoritiesUnreadable, Pools
from envmgr.host.asking.request_timeout import RequestTimeout

SECONDS = 15.0
"""How long one may take in all."""

_PREFIX = "whsec_"
_LARGEST_ANSWER = 4096


class SignedWebhook:
    """Sends each message as a JSON document to an address, which is the operator's own word: it may be a private one.

    The signature is HMAC-SHA256 over `ID.TIMESTAMP.BODY`; a secret that begins with `whsec_` is the key in base64.
    """

    def __init__(self, url: str, secret: str, environ: Mapping[str, str], seconds: float = SECONDS) -> None:
        """By the proxies and authorities that `environ` names."""
        self._url, self._key = url, _key(secret)
        self._pools, self._seconds = Pools(environ), seconds

    def describe(self) -> str:
        """Where it goes."""
        return f"The webhook at {urlsplit(self._url).hostname}"

    def send(self, message: Message) -> None:
        """See the port. Nothing is followed elsewhere, and of the answer only its status counts."""
        try:
            with RequestTimeout(self._seconds) as timeout, asking(None):
                status = self._post(message)
        except AuthoritiesUnreadable as error:
            raise NeedsPerson(f"{self.describe()} could not be called: {error}.") from error
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            cause = TimeoutError() if timeout.is_over else error
            raise Transient(f"{self.describe()} did not answer ({reason(cause, self._seconds)}).") from None
        if not 200 <= status < 300:
            raise Transient(f"{self.describe()} answered {status}.")

    def _post(self, message: Message) -> int:
        document = {
            "type": "envmgr.events",
            "timestamp": f"{message.at:%Y-%m-%dT%H:%M:%SZ}",
            "data": message.document,
        }
        body = json.dumps(document).encode()
        address = parse_url(self._url)
        proof = signature(self._key, message.id, int(message.at.timestamp()), body)
        bare = address._replace(auth=None, fragment=None)
        headers = {"Content-Type": "application/json", **proof}
        response = self._pools.open("POST", bare, self._seconds, headers, body)
        try:
            # Nothing in it counts, and unpacked it might be of any size.
            response.read(_LARGEST_ANSWER, decode_content=False)
            return response.status
        finally:
            response.close()


def signature(key: bytes, identifier: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove who sent a body, and when."""
    signed = hmac.new(key, f"{identifier}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise NeedsPerson("A webhook's secret begins with whsec_ and is not base64 after it.") from None
