"""Git remotes and their local mirrors."""

import os

# GitPython runs git at import and refuses to be imported without it; `doctor` shall say that instead.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
