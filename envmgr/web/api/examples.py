"""What answers look like, for who reads the documentation."""

from typing import Any

_AT = "2026-11-26T09:30:00Z"
_PLACE = {"organization": "acme", "repository": "shop"}
_OF = {**_PLACE, "environment": "alice", "application": None}
_COMMIT = "3f1c2a9d5b7e8f60112233445566778899aabbcc"

_LISTED = {
    **_PLACE,
    "branch": "env-alice",
    "environment": "alice",
    "application": None,
    "status": "ready",
    "commit": _COMMIT,
    "applied_commit": _COMMIT,
    "deployed_commit": None,
    "message": "",
    "url": "https://alice.example.com",
    "expires_at": None,
    "updated_at": _AT,
    "created_at": _AT,
    "pushed_at": _AT,
    "warned_at": None,
    "branch_gone": False,
    "hold": None,
    "drift": "none",
    "health": "healthy",
    "tests": "passed",
    "suspended_by": None,
    "suspended_at": None,
    "pinned_commit": None,
    "proposal": None,
    "urls": ["https://alice.example.com"],
    "applications": [],
    "remote_error": None,
    "frozen": None,
    "host": None,
    "untold": [],
}
_RUN = {
    "id": 17,
    **_OF,
    "kind": "apply",
    "commit": _COMMIT,
    "status": "succeeded",
    "started_at": _AT,
    "finished_at": _AT,
    "changes": {"add": 2, "change": 0, "destroy": 0},
    "message": "Applied: 2 to add, 0 to change, 0 to destroy.",
    "actor": "push (author Ann)",
}
_IN_FULL = {
    **_LISTED,
    "warnings": [],
    "outputs": {"url": {"value": "https://alice.example.com", "sensitive": False}},
    "variables": {"size": "small"},
    "tags": {"environment": "alice"},
    "untold": [
        {
            "since": _AT,
            "error": "GitHub does not accept the credentials that envmgr has for it.",
            "count": 3,
        }
    ],
    "state_key": "acme/shop/alice/terraform.tfstate",
    "resources": ["aws_s3_bucket.this"],
    "lease": None,
    "drift": None,
    "health": None,
    "tests": None,
    "images": [
        {
            "variable": "image",
            "asked": "registry.example.com/acme/shop:1.*",
            "reference": f"registry.example.com/acme/shop@sha256:{'1' * 64}",
            "tag": "1.10",
            "changed_at": _AT,
            "error": None,
        }
    ],
    "pin": None,
    "deployment": None,
    "schedule": None,
    "last_run": _RUN,
    "failures": 0,
    "retry_at": None,
    "terraform_version": "1.11.4",
    "modules": None,
}
_EVENT = {
    "id": 4711,
    "at": _AT,
    **_OF,
    "action": "applied",
    "message": "Applied: 2 to add, 0 to change, 0 to destroy.",
    "actor": "push (author Ann)",
    "commit": _COMMIT,
    "run": 17,
}
_REQUEST: dict[str, Any] = {
    "id": 3,
    **_OF,
    "action": "destroy",
    "options": {},
    "asked_by": "person carol",
    "asked_at": _AT,
    "commit": _COMMIT,
    "status": "waiting",
    "message": "",
    "started_at": None,
    "finished_at": None,
    "result": {},
}
_TOKEN = {
    "name": "ci",
    "role": "developer",
    "organization": "acme",
    "repository": None,
    "created_at": _AT,
    "created_by": "user root",
    "expires_at": None,
    "used_at": None,
}
_REPOSITORY = {
    "organization": "acme",
    "name": "shop",
    "branches": ["env-*"],
    "protected": ["env-main"],
    "environments": ["production"],
    "default_branch": "main",
    "polled_at": _AT,
    "succeeded_at": _AT,
    "failures": 0,
    "error": None,
    "untold": [],
    "frozen": None,
}
_ORGANIZATION = {"name": "acme", "role": "developer", "frozen": None}
_FREEZE = {
    "organization": "acme",
    "repository": "shop",
    "reason": "migration",
    "by": "person carol",
    "since": _AT,
    "until": "2026-12-01T06:00:00Z",
    "in_file": False,
}
_HEAD = {
    **_PLACE,
    "environment": "pr-7",
    "number": 7,
    "url": "https://github.com/acme/shop/pull/7",
    "title": "Sort the cart",
    "author": "mallory",
    "base": "main",
    "commit": _COMMIT,
    "approved_commit": None,
    "approved_by": None,
}
_HOST = {
    "name": "build-1",
    "id": "5f0c9a1e" * 4,
    "status": "working",
    "why": None,
    "version": "1.0.0",
    "started_at": _AT,
    "heard_at": _AT,
    "silence": 2,
    "works_on": [{"environment": "acme/shop/alice", "purpose": "reconcile by daemon", "since": _AT}],
}
_ONE: dict[str, Any] = {
    "Listed": _LISTED,
    "EnvironmentInFull": _IN_FULL,
    "Run": _RUN,
    "Event": _EVENT,
    "Request": _REQUEST,
    "Token": _TOKEN,
    "NewToken": {**_TOKEN, "secret": "envmgr_…"},
    "Repository": _REPOSITORY,
    "Organization": _ORGANIZATION,
    "Freeze": _FREEZE,
    "Head": _HEAD,
    "Host": _HOST,
    "Me": {
        "name": "carol",
        "kind": "person",
        "groups": ["engineering"],
        "organizations": [_ORGANIZATION],
        "version": "1.0.0",
    },
}
EXAMPLES: dict[str, Any] = {
    **_ONE,
    **{f"{name}Page": {"items": [one], "next": None} for name, one in _ONE.items()},
}
"""By the name of an object, or of a page of them."""
