"""The page's own files: styles, scripts and pictures."""

import mimetypes

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from envmgr.web.pages.drawing import STATIC

router = APIRouter(include_in_schema=False)

_FILES = {
    path.relative_to(STATIC).as_posix(): path
    for path in STATIC.rglob("*")
    if path.suffix in (".css", ".js", ".svg")
}


@router.get("/static/{name:path}")
def file(request: Request, name: str) -> FileResponse:
    """A file, to be kept for ever: with every content it has another address."""
    path = _FILES.get(name)
    if path is None:
        raise HTTPException(404, "There is no such file.")
    kept = "public, max-age=31536000, immutable" if request.url.query else "no-cache"
    return FileResponse(path, media_type=mimetypes.guess_type(name)[0], headers={"Cache-Control": kept})
