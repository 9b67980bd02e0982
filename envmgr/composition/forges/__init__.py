"""The forges of repositories: which, and how they are spoken with."""

from .wiring import with_forges

__all__ = ["with_forges"]
