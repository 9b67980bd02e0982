"""Reading only the settings, for verbs that need no organization: `envmgr list` must answer at once.

Without a settings file nothing heavy is imported.
"""

import re
from pathlib import Path

from .settings import Settings, config_files

_MENTION = re.compile(rb"\b(?:daemon|server)[\"']?\s*:")


def mentions_settings(content: bytes) -> bool:
    """Whether a file may hold the settings: cheap, and never wrong when it says no."""
    return _MENTION.search(content) is not None


def read_settings(path: Path) -> Settings:
    """The settings in a configuration folder (or beside a file); the defaults where there are none.

    Raises ConfigurationError with all problems of the file that holds them, or of what cannot be read and may hold them:
    by the defaults the records would be sought in another database.
    """
    try:
        files = [file for file in config_files(path) if _may_hold_settings(file)]
    except OSError as error:
        from .load import unreadable

        raise unreadable(path, error) from error
    if not files:
        return Settings()
    from .load import load_settings

    return load_settings(files)


def _may_hold_settings(file: Path) -> bool:
    try:
        return mentions_settings(file.read_bytes())
    except OSError:
        # Where nothing is, whoever loads the organizations says so.
        return file.is_symlink() or file.exists()
