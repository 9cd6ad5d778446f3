"""A little acme for the tests. Write it from the system's documents, not from the adapter; or delete it, and have the
bench reach a real one that may be written into.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class AcmeServer:
    """What the system holds."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, object]] = {}
        self.app = Starlette()
        self.app.add_route("/{path:path}", self.answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])

    async def answer(self, request: Request) -> Response:
        """Nothing is here yet."""
        return JSONResponse({"error": f"{request.method} {request.url.path} is still to be written"}, 404)
