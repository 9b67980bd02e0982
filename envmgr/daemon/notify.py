"""Telling systemd how it goes: the sd_notify protocol, which is one datagram per message."""

import socket
import time
from collections.abc import Mapping

_SECONDS = 5.0


class Notifier:
    """Sends states to the socket in `$NOTIFY_SOCKET`; without one it does nothing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._watchdog = int(environ.get("WATCHDOG_USEC") or 0) / 1e6

    @property
    def watchdog(self) -> float | None:
        """Seconds within which systemd wants a sign of life; None where it does not watch."""
        return self._watchdog or None

    def send(self, *lines: str) -> None:
        """Sends one message, such as `READY=1`, `STATUS=…`; never raises."""
        if not self._address:
            return
        # An `@` stands for the zero byte of an abstract socket.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(_SECONDS)  # a datagram to a full queue would wait for ever
                sender.sendto("\n".join(lines).encode(errors="replace"), address)
        except OSError:
            return  # systemd went away or restarts; it asks again by its watchdog

    def reloading(self) -> None:
        """Says that the configuration is being read again (with the time, as `Type=notify-reload` wants it)."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
