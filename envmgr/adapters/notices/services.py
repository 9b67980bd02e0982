"""Chats, mail and the like, by Apprise."""

import logging
import threading
from typing import TYPE_CHECKING, Any

from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.values.notices import Message

if TYPE_CHECKING:
    from apprise import NotifyBase

SECONDS = 60.0
"""How long one message may take in all."""

ON_THIS_HOST = frozenset(
    {"blink1", "dbus", "gio", "glib", "gnome", "growl", "kde", "macosx", "qt", "syslog", "windows"}
)
"""Services that would act on this host, as whoever envmgr runs as."""


class AppriseService:
    """One Apprise URL. Each message is sent by a thread of its own, which is given up where it takes too long."""

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        """By a URL, which is a secret."""
        self._url, self._seconds = url, seconds

    def describe(self) -> str:
        """Which service it is."""
        return str(opened(self._url).service_name)

    def send(self, message: Message) -> None:
        """See the port."""
        service = opened(self._url)
        name = str(service.service_name)
        outcome: list[bool] = []
        thread = threading.Thread(
            target=lambda: outcome.append(_sent(service, message)), name="notification", daemon=True
        )
        thread.start()
        thread.join(self._seconds)
        if thread.is_alive():
            raise Transient(f"{name} took longer than {self._seconds:g} s.")
        if outcome != [True]:
            raise Transient(
                f"{name} did not take the message: is its address right, and does it still let us in?"
            )


def opened(url: str) -> "NotifyBase":
    """The service that a URL means. Raises NeedsPerson, which repeats nothing of it."""
    from apprise import Apprise, AppriseAsset, PersistentStoreMode

    # It says which addresses it asks, and what they answer: both may hold secrets.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    schema = url.partition("://")[0].strip().lower()
    if schema in ON_THIS_HOST:
        raise NeedsPerson(
            f"{schema}:// acts on this host itself: name a service that is reached over the network."
        )
    asset = AppriseAsset(
        app_id="envmgr",
        app_desc="envmgr",
        async_mode=False,
        secure_logging=True,
        plugin_paths=[],
        storage_mode=PersistentStoreMode.MEMORY,
    )
    try:
        found: Any = Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    except Exception:  # noqa: BLE001  a plugin of somebody's: its words may repeat the URL
        found = None
    if found is None or ON_THIS_HOST & set(_schemas(found)):
        raise NeedsPerson("The Apprise URL is none that Apprise understands: see its list of services.")
    return found  # type: ignore[no-any-return]


def _schemas(service: Any) -> list[str]:
    found: list[str] = []
    for each in (service.protocol, service.secure_protocol):
        found.extend([each] if isinstance(each, str) else each or ())
    return found


def _sent(service: Any, message: Message) -> bool:
    from apprise import NotifyFormat, NotifyType

    kind = NotifyType.FAILURE if message.is_bad else NotifyType.INFO
    try:
        return bool(
            service.notify(
                body=message.text, title=message.title, notify_type=kind, body_format=NotifyFormat.TEXT
            )
        )
    except Exception:  # noqa: BLE001  whatever a plugin meets, it has not told
        return False
