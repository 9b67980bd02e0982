"""Where the traceback of an error goes that nobody foresaw."""

import os
import tempfile
import traceback

from .invocation import Invocation
from .logging import redactor


def write_traceback(error: Exception, invocation: Invocation) -> str:
    """Writes it, redacted, to a private file; gives the path."""
    text = redactor(invocation)("".join(traceback.format_exception(error)))
    descriptor, path = tempfile.mkstemp(prefix="envmgr-error-", suffix=".txt")
    with os.fdopen(descriptor, "w", errors="replace") as file:
        file.write(text)
    return path
