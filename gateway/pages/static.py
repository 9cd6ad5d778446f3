"""The pages' own files (styles, scripts), each under an address with its digest, so that browsers may keep it."""

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from gateway.problems import Refusal

_DIRECTORY = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

routes = APIRouter(prefix="/static", include_in_schema=False)


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    """Each file's digest and content, by its name."""
    found = {}
    for path in sorted(_DIRECTORY.rglob("*")):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            found[path.relative_to(_DIRECTORY).as_posix()] = (hashlib.sha256(content).hexdigest()[:16], content)
    return found


def address_of(name: str) -> str:
    """The file's address; KeyError where there is none of this name."""
    return f"/static/{_files()[name][0]}/{name}"


@routes.get("/{digest}/{name:path}")
async def read_static(digest: str, name: str) -> Response:
    known, content = _files().get(name, ("", b""))
    if known != digest:
        raise Refusal(404, "not_found", f"there is no file {name!r} of this version", "reload the page", field="path")
    return Response(
        content,
        media_type=_TYPES[Path(name).suffix],
        headers={"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"},
    )


__all__ = ["address_of", "routes"]
