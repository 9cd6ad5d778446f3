"""What the simulators' own control calls have in common: reading a body, and saying what is wrong with it."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Body = TypeVar("Body", bound=BaseModel)


class GatewayBody(BaseModel):
    """Where the gateway is."""

    url: str


async def read(request: Request, kind: type[Body]) -> Body:
    """Return the request's body; 400 names what is wrong with it."""
    try:
        return kind.model_validate_json(await request.body() or b"{}")
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise HTTPException(400, wrong) from error


async def error_as_json(request: Request, error: Exception) -> Response:
    """Answer a raised HTTPException in JSON."""
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    return JSONResponse({"error": detail}, status)
