"""GitHub: github.com, Enterprise Cloud with data residency, and Enterprise Server."""

from .app import AppSignIn
from .forge import GitHub
from .speaking import base, dialect, write_pause

__all__ = ["AppSignIn", "GitHub", "base", "dialect", "write_pause"]
