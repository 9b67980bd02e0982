"""All routes of the API."""

from fastapi import APIRouter

from . import changes, environments, events, freezing, heads, hosts, places, requests, runs, standing, tokens

router = APIRouter()
router.include_router(standing.router)
for part in (environments, changes, requests, runs, events, places, freezing, heads, hosts, tokens):
    router.include_router(part.router, prefix="/api/v1")
