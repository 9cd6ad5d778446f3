"""OData V2 in SAP Gateway's dialect: one service, its CSRF session, its errors, its literals.

Decided here: how a token is fetched and renewed, which of SAP's errors is a Refused and which is transient because
another user has locked the document, and how a request is made repeatable. Not decided here: what is written
(mapping.py) and when (client.py).
"""

import asyncio
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from adapters.erp.sap import batch
from adapters.erp.sap.batch import BatchResponse, Operation
from adapters.errors import PermanentError, TransientError
from adapters.http import exchange
from canonical.order import Refused

SYSTEM = "erp"
ROOT = "sap/opu/odata/sap"

Entity = Mapping[str, Any]

_READ_BY_US = frozenset({400, 403, 404, 409, 412, 422, 423})
_REASON = 300
_REPEATABLE = uuid.UUID("5f9f3c2e-6f0b-5c1e-9f0a-3a4a0d9b7c11")
_LOCKED = re.compile(
    r"\blocked (by|for editing)\b|\bis (already|currently|being) (being )?(locked|processing|processed|edited)\b",
    re.IGNORECASE,
)
_HELD_BY_A_USER = "ME/006"
_GATEWAY_ITSELF = "/IWFND/"
"""Errors of SAP Gateway's own: no such service, or a request that it can't read; never a business reason."""
_NO_SERVICE = "/IWFND/MED/"
_PAGE = 500
_QUOTE = "'"


@dataclass(frozen=True)
class _Session:
    token: str
    cookies: str


class ODataService:
    """One OData V2 service of the ERP, e.g. API_PURCHASEORDER_PROCESS_SRV."""

    def __init__(self, http: httpx.AsyncClient, name: str) -> None:
        self._http = http
        self._name = name
        self._path = f"{ROOT}/{name}"
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
        while query:
            rows, following = _rows(await self._get(f"{entity_set}?{query}"))
            found.extend(rows)
            if following:
                query = httpx.URL(following).query.decode()
            elif pages_by and len(rows) == _PAGE:
                query = _query(options | {"$top": str(_PAGE), "$skip": str(len(found))})
            else:
                query = ""
        return found

    async def create(self, entity_set: str, body: Entity, *, key: str, first_sent: str) -> Entity | Refused:
        """Deep insert. `first_sent` must be the same on every attempt, or SAP treats it as another request."""
        content = _json(body)
        headers = repeatable(key, content) | {"RepeatabilityCreation": first_sent}
        response = await self._write("POST", entity_set, content, headers)
        if isinstance(response, Refused):
            return response
        return _entity(response.body())

    async def change(self, operations: Sequence[Operation], *, key: str) -> Refused | None:
        """All operations or none: one call, as a changeset where there are several. None: carried out."""
        if len(operations) == 1:
            operation = operations[0]
            content = b"" if operation.body is None else _json(operation.body)
            answer = await self._write(operation.method, operation.path, content, repeatable(key, content))
            return answer if isinstance(answer, Refused) else None
        content_type, content = batch.changeset(operations)
        headers = repeatable(key, content) | {"Content-Type": content_type, "Accept": "multipart/mixed"}
        answer = await self._write("POST", "$batch", content, headers)
        if isinstance(answer, Refused):
            return answer
        parts = batch.parts(answer.headers["content-type"], answer.content)
        failed = next((part for part in parts if part.status >= 400), None)
        if failed is not None:
            return self._no("$batch", failed)
        if len(parts) != len(operations):
            raise TransientError(
                SYSTEM, f"$batch of {self._name} answered {len(parts)} of {len(operations)} operations"
            )
        return None

    async def _get(self, url: str) -> Any:
        response = await exchange(
            self._http, SYSTEM, "GET", f"{self._path}/{url}", writes=False, reads=_READ_BY_US - {423}
        )
        answer = BatchResponse.of(response)
        if response.status_code >= 300:
            raise self._misunderstood(url.partition("?")[0], answer)
        return answer.body()

    async def _write(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str]
    ) -> BatchResponse | Refused:
        session = await self._opened(None)
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
            if last or response.headers.get("x-csrf-token", "").lower() != "required":
                raise self._misunderstood(f"{method} {path}", BatchResponse.of(response))
            session = await self._opened(session)
        answer = BatchResponse.of(response)
        return self._no(path, answer) if answer.status >= 300 else answer

    def _no(self, path: str, answer: BatchResponse) -> Refused:
        error = _SapError.read(answer)
        if error is None or error.code.upper().startswith(_GATEWAY_ITSELF):
            raise self._misunderstood(path, answer)
        if answer.status >= 500:
            raise TransientError(SYSTEM, f"{path}: {answer.status} {error.message}", maybe_written=False)
        if answer.status == 423 or error.code == _HELD_BY_A_USER or _LOCKED.search(error.message):
            raise TransientError(SYSTEM, f"{path}: {error.message}; it is tried again")
        return Refused(system=SYSTEM, code=error.code, reason=error.message, line=error.line)

    def _misunderstood(self, path: str, answer: BatchResponse) -> PermanentError:
        error = _SapError.read(answer)
        detail = error.message if error else " ".join(answer.content.decode("utf-8", "replace").split())[:_REASON]
        if answer.status == 404 or (error and error.code.upper().startswith(_NO_SERVICE)):
            step = f"check the base URL, and that {self._name} is active in the ERP"
        elif answer.status == 403:
            step = f"have the rights of the communication user extended for {self._name}"
        else:
            step = f"compare the $metadata of {self._name} with what it is asked for"
        return PermanentError(SYSTEM, f"{path}: {answer.status} {detail}; {step}")

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
                        f"{self._name} gave no X-CSRF-Token; check that the base URL leads to SAP Gateway itself",
                    )
                self._session = _Session(token, _cookies_of(response))
            return self._session


@dataclass(frozen=True)
class _SapError:
    code: str
    message: str
    line: int | None

    @classmethod
    def read(cls, answer: BatchResponse) -> "_SapError | None":
        """SAP's error body; None where the response has none."""
        try:
            error = answer.body()["error"]
            code, message = str(error["code"]), error["message"]
        except (ValueError, KeyError, TypeError):
            return None
        text = str(message.get("value", "")) if isinstance(message, dict) else str(message)
        inner = error.get("innererror")
        details = inner.get("errordetails") if isinstance(inner, dict) else None
        severe = [one for one in details or () if isinstance(one, dict) and one.get("severity") == "error"]
        others = [str(one.get("message", "")) for one in severe if one.get("message") not in (None, "", text)]
        targets = " ".join(str(one.get("target", "")) for one in severe)
        return cls(code, "; ".join([text, *others])[:_REASON], _line_of(targets))


def _cookies_of(response: httpx.Response) -> str:
    """The cookies that belong to the token: those sent with the request for it, and those returned.

    Not the client's jar: all services share it, so another answer may have replaced the session in the meantime.
    """
    sent = response.request.headers.get("Cookie", "").split("; ")
    pairs = dict(pair.split("=", 1) for pair in sent if "=" in pair)
    pairs |= {cookie.name: cookie.value or "" for cookie in response.cookies.jar}
    return "; ".join(f"{name}={value}" for name, value in pairs.items())


def _line_of(target: str) -> int | None:
    found = re.search(r"Item\s*=\s*'(\d+)'", target)
    return int(found.group(1)) or None if found else None


def repeatable(key: str, content: bytes) -> dict[str, str]:
    """The request's identity: 32 hex digits of key and content.

    The content is included: after a failure the same step may have less left to write, and SAP would repeat for the
    same id its response to the earlier content.
    """
    return {"RequestID": uuid.uuid5(_REPEATABLE, f"{key}\n{content.decode()}").hex.upper(), "Idempotency-Key": key}


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


def _rows(body: Any) -> tuple[list[Entity], str | None]:
    inner = body["d"]
    if isinstance(inner, list):
        return inner, None
    return list(inner["results"]), inner.get("__next")


def _entity(body: Any) -> Entity:
    inner = body["d"]
    found: Entity = inner.get("results", inner) if isinstance(inner, dict) else inner
    return found


def rows(entity: Entity, navigation: str) -> list[Entity]:
    """The expanded entities under a navigation property; SAP leaves out a property that was not expanded."""
    value = entity.get(navigation) or {}
    return list(value) if isinstance(value, list) else list(value.get("results", ()))


def _json(body: Entity) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
