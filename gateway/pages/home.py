"""The first page: where each role begins."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from gateway.access.principal import PrincipalPart, Right
from gateway.pages.shell import see

routes = APIRouter(include_in_schema=False)


@routes.get("/")
async def read_home(request: Request, principal: PrincipalPart) -> RedirectResponse:
    """The inbox; operators, who decide nothing, begin at the operations."""
    return see("/operations" if principal.may(Right.OPERATE) and not principal.may(Right.DECIDE) else "/inbox")


__all__ = ["routes"]
