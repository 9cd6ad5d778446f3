"""OData V2 in SAP Gateway's dialect: one service, its pages, its literals.

Decided here: how a set is read to its end, and how a request is made repeatable. What an answer means is in answers.py,
how the CSRF token is had in session.py, what is written in mapping.py, when in client.py.
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from adapters.erp.sap import batch
from adapters.erp.sap.answers import READ_BY_US, Answers, quoted
from adapters.erp.sap.batch import BatchResponse, Operation
from adapters.erp.sap.sap_error import SapError
from adapters.erp.sap.session import CsrfSession
from adapters.errors import PermanentError, TransientError
from adapters.http import exchange
from canonical.order import Refused

SYSTEM = "erp"
ROOT = "sap/opu/odata/sap"

Entity = Mapping[str, Any]
Shaped = TypeVar("Shaped")

_REPEATABLE = uuid.UUID("5f9f3c2e-6f0b-5c1e-9f0a-3a4a0d9b7c11")
_PAGE = 500
_PAGES_MAX = 20_000
_QUOTE = "'"
OTHER_SHAPE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""How reading a row fails that has another shape than expected."""


class ODataService:
    """One OData V2 service of the ERP, e.g. API_PURCHASEORDER_PROCESS_SRV."""

    def __init__(self, http: httpx.AsyncClient, name: str, *, repeatable: bool = True) -> None:
        """`repeatable`: send RequestID and RepeatabilityCreation, for which SAP needs its idempotency framework."""
        self._http = http
        self._name = name
        self._path = f"{ROOT}/{name}"
        self.repeatable = repeatable
        self._answers = Answers(SYSTEM, name)
        self._session = CsrfSession(http, self._path, self._answers, required=True)

    async def read(
        self, entity_set: str, *, where: str = "", expand: str = "", select: str = "", pages_by: str = ""
    ) -> list[Entity]:
        """All matching entities of a set, over as many pages as the server splits them into.

        `pages_by`: the key to order by, for large sets that we request page by page.
        """
        options = {"$filter": where, "$expand": expand, "$select": select, "$orderby": pages_by}
        found: list[Entity] = []
        query = _query(options | ({"$top": str(_PAGE), "$skip": "0"} if pages_by else {}))
        asked: set[str] = set()
        while query:
            if query in asked or len(asked) >= _PAGES_MAX:
                raise PermanentError(SYSTEM, f"{self._name}/{entity_set} leads from page to page without end")
            asked.add(query)
            rows, following = await self._page(entity_set, query)
            found.extend(rows)
            if following:
                query = self._next_query(entity_set, following)
            elif pages_by and len(rows) == _PAGE:
                query = _query(options | {"$top": str(_PAGE), "$skip": str(len(found))})
            else:
                query = ""
        return found

    async def read_as(
        self,
        shape: Callable[[list[Entity]], Shaped],
        entity_set: str,
        *,
        of: tuple[str, str] | None = None,
        **options: str,
    ) -> Shaped:
        """What `shape` makes of the entities. Raises PermanentError, quoting them, where they are of another kind.

        `of`: a field and what it must hold. Entities that hold something else are left out: a field for which SAP
        ignores the filter must not make strange documents ours.
        """
        entities = await self.read(entity_set, **options | ({"where": f"{of[0]} eq {literal(of[1])}"} if of else {}))
        if of is not None:
            field, value = of
            entities = [one for one in entities if _same(one.get(field, value), value)]
        try:
            return shape(entities)
        except OTHER_SHAPE as error:
            why = f"{type(error).__name__}: {str(error)[:120]}"
            row = json.dumps(entities[:1], default=str, ensure_ascii=False)[:300]
            raise PermanentError(
                SYSTEM, f"{self._name}/{entity_set} can't be read ({why}); {self._answers.compare}; it answered {row}"
            ) from error

    async def create(
        self, entity_set: str, body: Entity, *, number: str, key: str, first_sent: str
    ) -> Entity | Refused:
        """Deep insert; `number` names the field of the new document's number.

        `first_sent` must be the same on every attempt, or SAP treats it as another request. An answer without a number
        is a lost answer: the document may be there.
        """
        content = _json(body)
        headers = self._identity(key, content, first_sent)
        answer = await self._write("POST", entity_set, content, headers)
        if isinstance(answer, Refused):
            return answer
        what = f"POST {entity_set}"
        created = _entity(self._answers.body(what, answer, writes=True)) or {}
        self._answers.created(what, answer, created, number)
        return created

    async def change(self, operations: Sequence[Operation], *, key: str) -> Refused | None:
        """All operations or none: one call, as a changeset where there are several. None: carried out."""
        if len(operations) == 1:
            operation = operations[0]
            content = b"" if operation.body is None else _json(operation.body)
            answer = await self._write(operation.method, operation.path, content, self._identity(key, content))
            return answer if isinstance(answer, Refused) else None
        content_type, content = batch.changeset(operations)
        headers = self._identity(key, content) | {"Content-Type": content_type, "Accept": "multipart/mixed"}
        answer = await self._write("POST", "$batch", content, headers)
        if isinstance(answer, Refused):
            return answer
        what = "POST $batch"
        try:
            parts = batch.parts(answer.headers.get("content-type", ""), answer.content)
        except ValueError as error:
            raise TransientError(
                SYSTEM, f"{what}: {answer.status}, but {error}; {quoted(answer)}", maybe_written=True
            ) from error
        return self._answers.parts(what, parts, len(operations))

    def _identity(self, key: str, content: bytes, first_sent: str = "") -> dict[str, str]:
        identity = {"Idempotency-Key": key}
        if self.repeatable:
            identity |= repeatable(key, content)
            identity |= {"RepeatabilityCreation": first_sent} if first_sent else {}
        return identity

    async def _page(self, entity_set: str, query: str) -> tuple[list[Entity], str | None]:
        what = f"GET {entity_set}"
        url = f"{self._path}/{entity_set}?{query}"
        response = await exchange(self._http, SYSTEM, "GET", url, writes=False, reads=READ_BY_US)
        answer = BatchResponse.of(response)
        if answer.status >= 300:
            raise self._answers.error(what, answer, SapError.read(answer), writes=False)
        page = _rows(self._answers.body(what, answer, writes=False))
        if page is None:
            raise PermanentError(
                SYSTEM, f"{what}: no rows of OData V2 under `d`; {self._answers.compare}; {quoted(answer)}"
            )
        return page

    def _next_query(self, entity_set: str, following: str) -> str:
        try:
            query = httpx.URL(following).query.decode("ascii")
        except (httpx.InvalidURL, ValueError):
            query = ""
        if not query:
            where = f"{self._name}/{entity_set}"
            raise PermanentError(SYSTEM, f"{where}: the next page has no address that can be read: {following[:120]!r}")
        return query

    async def _write(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str]
    ) -> BatchResponse | Refused:
        answer = await self._session.write(method, path, content, headers)
        return self._answers.refusal(f"{method} {path}", answer) if answer.status >= 300 else answer


def _same(held: Any, value: str) -> bool:
    """Whether SAP holds the value, however it pads and spells it."""
    return isinstance(held, str) and held.strip().upper().lstrip("0") == value.upper().lstrip("0")


def repeatable(key: str, content: bytes) -> dict[str, str]:
    """RequestID, the request's identity: 32 hex digits of key and content.

    The content is included: after a failure the same step may have less left to write, and SAP would repeat for the
    same id its response to the earlier content.
    """
    return {"RequestID": uuid.uuid5(_REPEATABLE, f"{key}\n{content.decode()}").hex.upper()}


def literal(text: str) -> str:
    """A string in a filter or key, quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


def keyed(entity_set: str, **keys: str) -> str:
    """`A_PurchaseOrderItem(PurchaseOrder='4500000001',PurchaseOrderItem='00010')`."""
    pairs = ",".join(f"{name}={quote(literal(value), safe=_QUOTE)}" for name, value in keys.items())
    return f"{entity_set}({pairs})"


def _query(options: Mapping[str, str]) -> str:
    given = {**{name: value for name, value in options.items() if value}, "$format": "json"}
    return "&".join(f"{name}={quote(value, safe=',/')}" for name, value in given.items())


def _rows(body: Any) -> tuple[list[Entity], str | None] | None:
    """The entities of a page and the address of the next one; None where the body is no page."""
    inner = body.get("d") if isinstance(body, dict) else None
    following = inner.get("__next") if isinstance(inner, dict) else None
    rows = inner.get("results") if isinstance(inner, dict) else inner
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    return rows, following if isinstance(following, str) else None


def _entity(body: Any) -> Entity | None:
    inner = body.get("d") if isinstance(body, dict) else None
    found = inner.get("results", inner) if isinstance(inner, dict) else None
    return found if isinstance(found, dict) else None


def rows(entity: Entity, navigation: str) -> list[Entity]:
    """The expanded entities under a navigation property; SAP leaves out a property that was not expanded."""
    value = entity.get(navigation) or {}
    return list(value) if isinstance(value, list) else list(value.get("results", ()))


def _json(body: Entity) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
