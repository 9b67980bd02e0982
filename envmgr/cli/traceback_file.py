"""The traceback of an error that nobody foresaw, and where it goes."""

import os
import tempfile
import traceback

from .invocation import Invocation
from .logging import redactor


def traceback_of(error: Exception, invocation: Invocation) -> str:
    """What Python says of an error, redacted."""
    text = "".join(traceback.format_exception(error))
    return text if invocation.server else redactor(invocation)(text)


def write_traceback(text: str) -> str:
    """Writes it to a private file; gives the path, or where that cannot be, the traceback itself."""
    try:
        descriptor, path = tempfile.mkstemp(prefix="envmgr-error-", suffix=".txt")
        with os.fdopen(descriptor, "w", errors="replace") as file:
            file.write(text)
    except OSError as error:
        return f"this (no file could be written: {error.strerror}):\n{text}"
    return path
