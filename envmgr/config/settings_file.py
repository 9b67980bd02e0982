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

    Raises ConfigurationError with all problems of the file that holds them.
    """
    try:
        files = [file for file in config_files(path) if mentions_settings(file.read_bytes())]
    except OSError:
        files = []  # whoever loads the organizations says what is wrong
    if not files:
        return Settings()
    from .load import load_settings

    return load_settings(files)
