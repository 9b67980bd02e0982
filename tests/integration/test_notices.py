"""The ways to those who are told, over loopback: what arrives, and what is said where it does not."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from envmgr.adapters.notices.services import ON_THIS_HOST, AppriseService, opened
from envmgr.adapters.notices.webhook import SignedWebhook
from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient
from envmgr.domain.values.notices import Message
from envmgr.ports.hooks import Messenger
from tests.support.scripted_http import Reply, Request, ScriptedHttp
from tests.support.store import NOW

SECRET = "a-secret-of-a-webhook"
MESSAGE = Message(
    id="msg_1",
    at=NOW,
    title="acme/shop/alice has failed",
    text="It & <more>: @\u200bhere\nhttps://envmgr.example.com",
    is_bad=True,
    document={"organization": "acme", "events": [{"kind": "failed"}]},
)


class Listener:
    """Takes what comes, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[Request] = []
        self.reply: Callable[[], Reply] = lambda: Reply(200, {})

    def answer(self, request: Request) -> Reply:
        """Note it."""
        self.got.append(request)
        return self.reply()


@pytest.fixture
def listener() -> Listener:
    """Nothing has come."""
    return Listener()


@pytest.fixture
def address(listener: Listener) -> Iterator[str]:
    """Where it listens."""
    with ScriptedHttp(listener.answer) as server:
        yield f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("secret", [SECRET, f"whsec_{base64.b64encode(b'k' * 32).decode()}"])
def test_a_webhook_is_signed_as_the_standard_says(listener: Listener, address: str, secret: str) -> None:
    """By a key as it is, or one in base64."""
    SignedWebhook(f"http://{address}/hook?team=1", secret, {}).send(MESSAGE)
    (request,) = listener.got
    headers = {name.lower(): value for name, value in request.headers.items()}
    key = b"k" * 32 if secret.startswith("whsec_") else SECRET.encode()
    signed = f"msg_1.{int(NOW.timestamp())}.".encode() + request.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert (headers["webhook-id"], headers["webhook-signature"]) == ("msg_1", f"v1,{expected}")
    assert request.path == "/hook?team=1"
    assert json.loads(request.body)["data"] == MESSAGE.document


def test_apprise_sends_it_as_text(listener: Listener, address: str) -> None:
    """Title and body as they are."""
    AppriseService(f"json://{address}/path").send(MESSAGE)
    found = json.loads(listener.got[0].body)
    assert (found["title"], found["message"], found["type"]) == (MESSAGE.title, MESSAGE.text, "failure")


def ways(address: str) -> list[tuple[Messenger, str]]:
    """Each way, with its secret."""
    return [
        (SignedWebhook(f"http://{address}/hook", SECRET, {}, 1), SECRET),
        (AppriseService(f"json://user:{SECRET}@{address}", 1), SECRET),
    ]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("status", [302, 400, 500])
def test_what_is_not_taken_is_tried_again(listener: Listener, address: str, number: int, status: int) -> None:
    """Nothing is followed elsewhere, and nothing of the answer or the secret is repeated."""
    way, secret = ways(address)[number]
    listener.reply = lambda: Reply(status, {"echo": secret}, {"Location": f"http://{address}/else"})
    with pytest.raises(Transient) as raised:
        way.send(MESSAGE)
    assert secret not in str(raised.value)
    assert len(listener.got) == 1 or number == 1


@pytest.mark.parametrize("number", [0, 1])
def test_what_takes_too_long_is_given_up(listener: Listener, address: str, number: int) -> None:
    """And told as that."""
    over = threading.Event()
    way, _ = ways(address)[number]
    listener.reply = lambda: Reply(200 if over.wait(20) else 500, {})
    with pytest.raises(Transient, match="longer than 1 s"):
        way.send(MESSAGE)
    over.set()


@pytest.mark.parametrize("number", [0, 1])
def test_where_nobody_listens_it_is_tried_again(number: int) -> None:
    """A port that is closed."""
    way, secret = ways("127.0.0.1:1")[number]
    with pytest.raises(Transient) as raised:
        way.send(MESSAGE)
    assert secret not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "syslog://",
        "DBUS://",
        "gnome://",
        "windows://",
        "macosx://",
        "nonsense",
        f"nowhere://{SECRET}",
        "json://",
        "file:///etc/passwd",
    ],
)
def test_what_acts_on_this_host_or_is_no_service_is_refused(url: str) -> None:
    """Without repeating it."""
    with pytest.raises(NeedsPerson) as raised:
        AppriseService(url).send(MESSAGE)
    assert SECRET not in str(raised.value)


def test_a_key_that_is_none_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(EnvmgrError, match="not base64"):
        SignedWebhook("http://127.0.0.1:1", "whsec_?", {})


def test_apprise_has_no_other_service_that_acts_on_this_host() -> None:
    """Each of its plugins that reaches for the desktop, the journal or a device is among those that are refused."""
    from apprise.manager_plugins import NotificationManager

    manager: Any = NotificationManager()  # type: ignore[no-untyped-call]
    local = (
        "import dbus",
        "import gi",
        "import syslog",
        "import win32api",
        "subprocess",
        "import hid",
        "from gi",
        "import blink",
        "blink1",
    )
    found = set()
    for plugin in manager.plugins(include_disabled=True):
        source = Path(str(import_module(plugin.__module__).__file__)).read_text(encoding="utf-8")
        if any(mark in source for mark in local):
            for each in (plugin.protocol, plugin.secure_protocol):
                found |= {each} if isinstance(each, str) else set(each or ())
    assert found
    assert found <= ON_THIS_HOST


def test_a_url_of_a_service_itself_is_understood() -> None:
    """As it is copied from there."""
    found = opened("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    assert str(found.service_name) == "Slack"
    assert replace(MESSAGE, is_bad=False).id == "msg_1"
