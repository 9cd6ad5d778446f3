"""Reads the counterparts' own books. Nothing here asks Pegline."""

from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Books:
    """All books at one moment."""

    erp: dict[str, Any]
    edi: dict[str, Any]
    aps: dict[str, Any]
    wms: dict[str, Any]

    @property
    def planned(self) -> dict[str, Any]:
        """Requirements of the newest plan version by reference."""
        versions = self.aps["versions"]
        newest: dict[str, Any] = versions[max(versions, key=int)]
        return newest


async def read_books(simulators: httpx.AsyncClient) -> Books:
    """Read all books."""
    found = {}
    for name in ("erp", "edi", "aps", "wms"):
        answer = await simulators.get(f"/{name}/control/books")
        answer.raise_for_status()
        found[name] = answer.json()
    return Books(**found)


async def writes(simulators: httpx.AsyncClient, name: str, since: int = 0) -> list[dict[str, Any]]:
    """A counterpart's write log after a sequence number."""
    answer = await simulators.get(f"/{name}/control/writes", params={"since": since})
    answer.raise_for_status()
    body = answer.json()
    found: list[dict[str, Any]] = body if isinstance(body, list) else body["writes"]
    return found
