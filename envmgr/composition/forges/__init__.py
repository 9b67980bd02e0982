"""The forges of repositories: which, and how they are spoken with."""

from .parts import Shared
from .wiring import with_forges

__all__ = ["Shared", "with_forges"]
