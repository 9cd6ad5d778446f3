"""What Coupa keeps to be collected: confirmations and ship notices that are not marked as exported yet.

Decided here: the oldest first, however many pages; what suppliers have not answered yet stays there; a row is marked
once it is stored here; one that changed between reading and marking is unmarked again, so that its newer state is
collected the next time. Rows that the filter lets through though they are marked are left out.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx

from adapters.errors import PermanentError, TransientError, UnreadableMessage
from adapters.http import excerpt, exchange
from adapters.ports import CollectedDocument
from adapters.supplier.coupa.reading import CoupaDocuments
from canonical.order import Refused, WriteOutcome, Written

_QUEUES = {"order_header_confirmations": "exported", "asn/headers": "export-flag"}
"""The resources, and the field that says whether a row was collected."""
_PAGE, _PAGES_MAX = 50, 20
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
_JSON = "application/json"
_REFUSED = (400, 404, 409, 422)


class CoupaQueue:
    """Implements adapters.ports.CollectPort."""

    def __init__(self, http: httpx.AsyncClient, system: str) -> None:
        self._http, self._system = http, system
        self._reader = CoupaDocuments()

    async def waiting(self) -> Sequence[CollectedDocument]:
        """All rows that somebody answered and nobody collected."""
        found = []
        for path, flag in _QUEUES.items():
            async for row in self._rows(path):
                if row.get(flag) not in (True, "true") and (document := self._document(path, row)) is not None:
                    found.append(document)
        return found

    async def taken(self, document: CollectedDocument, *, key: str) -> WriteOutcome:
        """Mark it, unless it has changed since it was read."""
        marked = await self._mark(document.place, "true")
        if isinstance(marked, Refused):
            return marked
        if f"{document.place}@{marked.get('updated-at')}" != document.key:
            unmarked = await self._mark(document.place, "false")
            return unmarked if isinstance(unmarked, Refused) else Written(reference=document.place)
        return Written(reference=document.place, writes=1)

    def _document(self, path: str, row: Mapping[str, Any]) -> CollectedDocument | None:
        """The row as a document; None: nothing of it is answered yet."""
        place = f"{path}/{int(str(row['id']))}"
        body = json.dumps(row).encode()
        [part] = self._reader.read(body, _JSON).parts
        if isinstance(part.content, UnreadableMessage) and part.content.code == "nothing_confirmed":
            return None
        return CollectedDocument(f"{place}@{row.get('updated-at')}", body, _JSON, place)

    async def _rows(self, path: str) -> AsyncIterator[Mapping[str, Any]]:
        for page in range(_PAGES_MAX):
            query = f"exported=false&order_by=id&dir=asc&limit={_PAGE}&offset={page * _PAGE}"
            answer = await exchange(
                self._http, self._system, "GET", f"api/{path}?{query}", writes=False, headers=_HEADERS, reads=(404,)
            )
            rows = [] if answer.status_code == 404 else _parsed(answer)
            if not isinstance(rows, list) or not all(isinstance(row, dict) and _has_id(row) for row in rows):
                raise PermanentError(self._system, f"GET {path}: no list of rows; {excerpt(answer)}")
            for row in rows:
                yield row
            if len(rows) < _PAGE:
                return

    async def _mark(self, place: str, exported: str) -> Mapping[str, Any] | Refused:
        answer = await exchange(
            self._http,
            self._system,
            "PUT",
            f"api/{place}?exported={exported}",
            writes=True,
            headers=_HEADERS,
            content=b"{}",
            reads=_REFUSED,
        )
        if answer.status_code in _REFUSED:
            return Refused(system=self._system, code=str(answer.status_code), reason=f"Coupa: {excerpt(answer)}")
        row = _parsed(answer)
        if not isinstance(row, dict) or not _has_id(row):
            raise TransientError(self._system, f"PUT {place}: no row; {excerpt(answer)}", maybe_written=True)
        return row


def _parsed(answer: httpx.Response) -> Any:
    """The body as JSON, its numbers as text; None: it is none."""
    try:
        return json.loads(answer.content, parse_float=str)
    except (ValueError, RecursionError):
        return None


def _has_id(row: Mapping[str, Any]) -> bool:
    return str(row.get("id", "")).isdecimal()
