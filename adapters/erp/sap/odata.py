"""OData V2 in SAP Gateway's dialect: one service, its CSRF session, its errors, its literals.

Decided here: how a token is fetched and renewed, how a request is made repeatable, and which answer is a result, a
refusal, a transient or a permanent error. What an error body means is in sap_error.py, what is written in mapping.py,
when in client.py.
"""

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from adapters.erp.sap import batch
from adapters.erp.sap.batch import BatchResponse, Operation
from adapters.erp.sap.sap_error import Meaning, SapError
from adapters.errors import AdapterError, PermanentError, TransientError
from adapters.http import exchange, failure, said
from canonical.order import Refused

SYSTEM = "erp"
ROOT = "sap/opu/odata/sap"
REPEATABLE_SETTING = "PEGLINE_ERP_REPEATABLE_REQUESTS"

Entity = Mapping[str, Any]
Shaped = TypeVar("Shaped")

_READ_BY_US = range(400, 600)
"""Statuses that may come with an error body of SAP's."""
_REPEATABLE = uuid.UUID("5f9f3c2e-6f0b-5c1e-9f0a-3a4a0d9b7c11")
_PAGE = 500
_PAGES_MAX = 20_000
_QUOTE = "'"
_NUMBER_MAX = 35
OTHER_SHAPE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""How reading a row fails that has another shape than expected."""


@dataclass(frozen=True)
class _Session:
    token: str
    cookies: str


class ODataService:
    """One OData V2 service of the ERP, e.g. API_PURCHASEORDER_PROCESS_SRV."""

    def __init__(self, http: httpx.AsyncClient, name: str, *, repeatable: bool = True) -> None:
        """`repeatable`: send RequestID and RepeatabilityCreation, for which SAP needs its idempotency framework."""
        self._http = http
        self._name = name
        self._path = f"{ROOT}/{name}"
        self.repeatable = repeatable
        self._session: _Session | None = None
        self._renewing = asyncio.Lock()

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
                SYSTEM, f"{self._name}/{entity_set} can't be read ({why}); {self._compare}; it answered {row}"
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
        created = _entity(self._body(what, answer, writes=True))
        if created is None or not _is_number(created.get(number)):
            raise TransientError(
                SYSTEM, f"{what}: {answer.status}, but no {number}; {_said(answer)}", maybe_written=True
            )
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
                SYSTEM, f"{what}: {answer.status}, but {error}; {_said(answer)}", maybe_written=True
            ) from error
        failed = next((part for part in parts if part.status >= 300), None)
        if failed is not None:
            return self._no(what, failed)
        if len(parts) != len(operations):
            raise TransientError(
                SYSTEM, f"{what} answered {len(parts)} of {len(operations)} operations", maybe_written=True
            )
        return None

    def _identity(self, key: str, content: bytes, first_sent: str = "") -> dict[str, str]:
        identity = {"Idempotency-Key": key}
        if self.repeatable:
            identity |= repeatable(key, content)
            identity |= {"RepeatabilityCreation": first_sent} if first_sent else {}
        return identity

    async def _page(self, entity_set: str, query: str) -> tuple[list[Entity], str | None]:
        what = f"GET {entity_set}"
        url = f"{self._path}/{entity_set}?{query}"
        response = await exchange(self._http, SYSTEM, "GET", url, writes=False, reads=_READ_BY_US)
        answer = BatchResponse.of(response)
        if answer.status >= 300:
            raise self._error(what, answer, SapError.read(answer), writes=False)
        page = _rows(self._body(what, answer, writes=False))
        if page is None:
            raise PermanentError(SYSTEM, f"{what}: no rows of OData V2 under `d`; {self._compare}; {_said(answer)}")
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

    def _body(self, what: str, answer: BatchResponse, *, writes: bool) -> Any:
        """The answer's JSON; a cut answer may be whole the next time."""
        try:
            return answer.body()
        except ValueError as error:
            raise TransientError(
                SYSTEM, f"{what}: {answer.status}, but no JSON that can be read; {_said(answer)}", maybe_written=writes
            ) from error

    async def _write(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str]
    ) -> BatchResponse | Refused:
        session = await self._opened(None)
        what = f"{method} {path}"
        for last in (False, True):
            response = await exchange(
                self._http,
                SYSTEM,
                method,
                f"{self._path}/{path}",
                writes=True,
                headers={
                    **({"Content-Type": "application/json"} if content else {}),
                    **headers,
                    "X-CSRF-Token": session.token,
                    **({"Cookie": session.cookies} if session.cookies else {}),
                },
                content=content,
                reads=_READ_BY_US,
            )
            if response.status_code != 403:
                break
            if last or not _wants_token(response):
                answer = BatchResponse.of(response)
                raise self._error(what, answer, SapError.read(answer), writes=True)
            session = await self._opened(session)
        answer = BatchResponse.of(response)
        return self._no(what, answer) if answer.status >= 300 else answer

    def _no(self, what: str, answer: BatchResponse) -> Refused:
        """The refusal in an answer to a write. Raises an AdapterError where it is none."""
        error = SapError.read(answer)
        if error is None or answer.status >= 500 or answer.status in (401, 403, 429):
            raise self._error(what, answer, error, writes=True)
        if error.meaning(answer.status) is not Meaning.REFUSED:
            raise self._error(what, answer, error, writes=True)
        return Refused(system=SYSTEM, code=error.code, reason=error.message or "no reason given", line=error.line)

    def _error(self, what: str, answer: BatchResponse, error: SapError | None, *, writes: bool) -> AdapterError:
        """The error for an answer that is neither a result nor a refusal, with what SAP said."""
        quote = _said(answer, error)
        head = f"{what}: {answer.status}"
        match error.meaning(answer.status) if error else None:
            case Meaning.LOCKED | Meaning.CHANGED_MEANWHILE:
                return TransientError(SYSTEM, f"{head}; in use by somebody else, so it is tried again; {quote}")
            case Meaning.DONE_BEFORE:
                return TransientError(SYSTEM, f"{head}; SAP carried it out earlier; {quote}", maybe_written=True)
            case Meaning.NOT_REPEATABLE:
                step = f"set up SAP's idempotency framework, or set {REPEATABLE_SETTING}=off"
                return PermanentError(SYSTEM, f"{head}; {step}; {quote}")
            case Meaning.NO_RIGHT:
                return PermanentError(SYSTEM, f"{head}; {self._extend_rights}; {quote}")
        if answer.status >= 500 or answer.status in (401, 408, 423, 425, 429):
            return failure(SYSTEM, what, answer.status, answer.headers, quote, writes)
        if answer.status == 404 or (error and error.no_service):
            return PermanentError(
                SYSTEM, f"{head}; check the base URL, and that {self._name} is active in the ERP; {quote}"
            )
        if answer.status == 403:
            return PermanentError(SYSTEM, f"{head}; {self._extend_rights}; {quote}")
        return PermanentError(SYSTEM, f"{head}; {self._compare}; {quote}")

    @property
    def _compare(self) -> str:
        return f"compare the $metadata of {self._name} with what it is asked for"

    @property
    def _extend_rights(self) -> str:
        return f"have the rights of the communication user extended for {self._name}"

    async def _opened(self, stale: _Session | None) -> _Session:
        """The session to write in; fetched once, even if several calls find it missing or `stale` at the same time."""
        async with self._renewing:
            if self._session is None or self._session is stale:
                response = await exchange(
                    self._http, SYSTEM, "GET", f"{self._path}/", writes=False, headers={"X-CSRF-Token": "Fetch"}
                )
                token = response.headers.get("x-csrf-token")
                if not token:
                    raise PermanentError(
                        SYSTEM,
                        f"{self._name} gave no X-CSRF-Token; check that the base URL leads to SAP Gateway itself, and "
                        f"how the communication user logs on; {_said(BatchResponse.of(response))}",
                    )
                self._session = _Session(token, _cookies_of(response))
            return self._session


def _same(held: Any, value: str) -> bool:
    """Whether SAP holds the value, however it pads and spells it."""
    return isinstance(held, str) and held.strip().upper().lstrip("0") == value.upper().lstrip("0")


def _wants_token(response: httpx.Response) -> bool:
    """Whether a 403 is for a token that is no longer valid; a gateway in between may drop SAP's header."""
    return response.headers.get("x-csrf-token", "").lower() == "required" or b"csrf" in response.content[:500].lower()


def _is_number(number: Any) -> bool:
    return isinstance(number, str) and 0 < len(number.strip()) <= _NUMBER_MAX and number.isprintable()


def _said(answer: BatchResponse, error: SapError | None = None) -> str:
    """What SAP said: its own code and text, else the beginning of the body, with the content type."""
    if error is None:
        return said(answer.headers, answer.content)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()[:60]
    return f"it answered {kind or 'without a content type'}: {error}"


def _cookies_of(response: httpx.Response) -> str:
    """The cookies that belong to the token: those sent with the request for it, and those returned.

    Not the client's jar: all services share it, so another answer may have replaced the session in the meantime.
    """
    sent = response.request.headers.get("Cookie", "").split("; ")
    pairs = dict(pair.split("=", 1) for pair in sent if "=" in pair)
    pairs |= {cookie.name: cookie.value or "" for cookie in response.cookies.jar}
    return "; ".join(f"{name}={value}" for name, value in pairs.items())


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
