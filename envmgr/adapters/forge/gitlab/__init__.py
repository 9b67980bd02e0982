"""GitLab: gitlab.com, self-managed and Dedicated, from 16.6 on."""

from .forge import GitLab
from .paging import dialect

__all__ = ["GitLab", "dialect"]
