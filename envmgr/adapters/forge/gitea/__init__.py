"""Gitea and Forgejo."""

from .forge import Gitea
from .paging import dialect

__all__ = ["Gitea", "dialect"]
