"""What a request has to state plainly: parameters that are known, each once, and JSON without repetition.

Decided here: that nothing which a sender states is left out in silence. Not here: what the values mean.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute

from gateway.intake.cloudevents import DECODER
from gateway.problems import Refusal


class PlainRoute(APIRoute):
    """A route that refuses parameters it does not know, or that are stated twice, and JSON that repeats a key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler behind the checks."""
        handle = super().get_route_handler()
        known = {field.alias: _takes_several(field) for field in get_flat_params(self.dependant) if _in_query(field)}

        async def checked(request: Request) -> Response:
            _require_known(request, known)
            return await handle(_PlainRequest(request.scope, request.receive))

        return checked


class _PlainRequest(Request):
    """A request whose JSON is read exactly."""

    async def json(self) -> Any:
        """The body. Raises JSONDecodeError, also where a key is repeated."""
        text = (await self.body()).decode("utf-8-sig", "replace")
        try:
            return DECODER.decode(text)
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError(str(error)[:200], text[:200], 0) from error


def _in_query(field: Any) -> bool:
    return isinstance(field.field_info, Query)


def _takes_several(field: Any) -> bool:
    return str(field.field_info.annotation).startswith("list")


def _require_known(request: Request, known: dict[str, bool]) -> None:
    seen: set[str] = set()
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise Refusal(
                422,
                "unknown_parameter",
                f"there is no parameter {name[:60]!r} here",
                "leave it out; there are: " + (", ".join(sorted(known)) or "none"),
                field=name[:60],
                value=value,
            )
        if name in seen and not known[name]:
            raise Refusal(
                422,
                "repeated_parameter",
                f"the parameter {name!r} is stated twice",
                "state it once",
                field=name,
                value=value,
            )
        seen.add(name)


__all__ = ["PlainRoute"]
