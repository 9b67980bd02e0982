"""All routes of the API."""

from . import changes, environments, events, freezing, heads, hosts, places, requests, runs, standing, tokens

_PARTS = (
    standing, environments, changes, requests, runs, events, places, freezing, heads, hosts, tokens
)  # fmt: skip
ROUTES = [route for part in _PARTS for route in part.router.routes]
"""In the order in which they are looked through."""
