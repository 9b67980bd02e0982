"""Who a command at this host is done by."""

import os
import pwd
from collections.abc import Mapping


def user_actor(environ: Mapping[str, str]) -> str:
    """Who a manual command is done by: the person behind sudo, or the user."""
    named = environ.get("SUDO_USER") or environ.get("USER") or environ.get("LOGNAME")
    return f"user {named or _account()}"


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
