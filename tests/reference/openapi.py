"""The description of the API, as it is served."""

import json
from typing import cast

from envmgr.commands.runtime import Runtime
from envmgr.web.api.document import described
from envmgr.web.app import create_app


def document() -> str:
    """The OpenAPI document. Nothing is asked of the runtime for it."""
    app = create_app(cast(Runtime, None))
    return json.dumps(described(app), indent=1, ensure_ascii=False) + "\n"
