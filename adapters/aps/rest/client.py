"""The planning system over REST: PUT coverage/{order} holds what one order gives its requirements.

Decided here: a report older than the one the planning system holds (409) counts as written, since newer data is there
already. PUT of a whole state is harmless when repeated, so no failure here needs a settle time.
"""

import json
from typing import Any
from urllib.parse import quote

import httpx

from adapters.aps.rest.mapping import coverage_body
from adapters.http import excerpt, exchange
from canonical.coverage import CoverageReport
from canonical.order import Refused, WriteOutcome, Written

SYSTEM = "aps"


class RestAps:
    """Implements adapters.ports.ApsPort. The client's base URL ends in the interface's root, e.g. /aps."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def write_coverage(self, report: CoverageReport, *, key: str) -> WriteOutcome:
        """Replace the coverage that the planning system holds for this order."""
        response = await exchange(
            self._http,
            SYSTEM,
            "PUT",
            f"coverage/{quote(report.order_number, safe='')}",
            writes=True,
            headers={"Idempotency-Key": key, "Content-Type": "application/json"},
            content=json.dumps(coverage_body(report)).encode(),
            reads={400, 409, 422},
        )
        match response.status_code:
            case 400 | 422:
                return Refused(system=SYSTEM, code=str(response.status_code), reason=_reason(response))
            case 409:
                return Written(reference=report.order_number, writes=0)
            case _:
                held_already = _body(response).get("changed") is False
                return Written(reference=report.order_number, writes=0 if held_already else 1)


def _reason(response: httpx.Response) -> str:
    body = _body(response)
    statement = next((body[name] for name in ("error", "detail", "message") if isinstance(body.get(name), str)), None)
    return str(statement)[:300] if statement else excerpt(response)


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
