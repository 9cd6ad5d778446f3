"""Business Central's OData V4: calls of one company, and what its answers mean.

Decided here: no more calls at once than a user may make; pages are followed to their end; which answer is a result, a
refusal, a stale ETag, a transient or a permanent error (error codes: Microsoft, "OData error codes"). Not decided here:
what is written, and when.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit
from weakref import WeakKeyDictionary

import httpx

from adapters.errors import AdapterError, PermanentError, TransientError
from adapters.exact_json import dumps, loads
from adapters.http import exchange, failure, said
from canonical.order import Refused

Row = Mapping[str, Any]
Shaped = TypeVar("Shaped")

STANDARD = "api/v2.0"
OTHER_SHAPE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""How reading a row fails that has another shape than expected."""
_READ_BY_US = range(400, 600)
_PAGES_MAX = 10_000
_PLACES: WeakKeyDictionary[httpx.AsyncClient, asyncio.Semaphore] = WeakKeyDictionary()
_CORRELATION = re.compile(r"\s*CorrelationId:.*\Z", re.DOTALL)
_LOCKED = re.compile(r"locked by another (user|session)|deadlock", re.IGNORECASE)
_TRANSIENT = frozenset({"Internal_ServerError", "Internal_TenantUnavailable", "Application_CallbackTimeout"})


class EntityChanged(Exception):
    """Somebody has changed the record since it was read: its ETag no longer holds."""


@dataclass(frozen=True)
class _Said:
    code: str
    message: str


class CompanyApi:
    """The API of one company in one environment."""

    def __init__(self, http: httpx.AsyncClient, system: str, company: str, *, at_once: int = 5) -> None:
        """`company`: its id; `at_once`: the calls of this client that may be under way together, whoever makes them
        (Microsoft: five a user).
        """
        self.system = system
        self.company = company
        self._http = http
        self._places = _PLACES.setdefault(http, asyncio.Semaphore(at_once))

    def path(self, rest: str, api: str = STANDARD) -> str:
        """The path of something in the company."""
        return f"{api}/companies({self.company})/{rest}"

    # -- reading

    async def read(self, path: str, **options: str) -> list[Row]:
        """All rows of a list, over as many pages as there are; options without their `$`."""
        query = "&".join(f"${name}={quote(value, safe='')}" for name, value in options.items() if value)
        address = f"{path}?{query}" if query else path
        rows: list[Row] = []
        asked: set[str] = set()
        while address:
            if address in asked or len(asked) >= _PAGES_MAX:
                raise PermanentError(self.system, f"{path} leads from page to page without end")
            asked.add(address)
            what, answer, body = await self._got(address)
            page = body.get("value") if isinstance(body, dict) else None
            if not isinstance(page, list) or not all(isinstance(row, dict) for row in page):
                raise PermanentError(self.system, f"{what}: no rows under `value`; {_quote(answer)}")
            rows += page
            address = self._following(body.get("@odata.nextLink"))
        return rows

    async def read_as(self, shape: Callable[[list[Row]], Shaped], path: str, **options: str) -> Shaped:
        """What `shape` makes of the rows. Raises PermanentError, quoting one, where they are of another kind."""
        rows = await self.read(path, **options)
        try:
            return shape(rows)
        except OTHER_SHAPE as error:
            why = f"{type(error).__name__}: {str(error)[:120]}"
            row = json.dumps(rows[:1], default=str, ensure_ascii=False)[:300]
            raise PermanentError(self.system, f"{path} can't be read ({why}); it answered {row}") from error

    async def metadata(self, api: str = STANDARD) -> httpx.Response:
        """The API's description (EDMX)."""
        async with self._places:
            return await exchange(self._http, self.system, "GET", f"{api}/$metadata", writes=False)

    async def _got(self, address: str) -> tuple[str, httpx.Response, Any]:
        what = f"GET {address.partition('?')[0]}"
        async with self._places:
            answer = await exchange(self._http, self.system, "GET", address, writes=False, reads=_READ_BY_US)
        if answer.status_code >= 300:
            raise self._error(what, answer, _of(answer), writes=False)
        return what, answer, self._body(what, answer, writes=False)

    def _following(self, link: Any) -> str:
        """The address of the next page, which the server names whole; only its own is followed."""
        if link is None:
            return ""
        base, text = str(self._http.base_url).rstrip("/") + "/", str(link)
        if text.startswith(base):
            return text.removeprefix(base)
        named, own = urlsplit(text), urlsplit(base)
        if own.path in named.path:
            rest = named.path.partition(own.path)[2]
            return f"{rest}?{named.query}" if named.query else rest
        raise PermanentError(self.system, f"the next page lies elsewhere: {text[:120]}; check the base URL")

    # -- writing

    async def create(self, path: str, body: Row, *, key: str, must_have: str = "id") -> Row | Refused:
        """Insert; an answer without the field `must_have` is a lost one."""
        answer = await self._write("POST", path, body, key)
        if isinstance(answer, Refused):
            return answer
        created = self._body(f"POST {path}", answer, writes=True)
        if not isinstance(created, dict) or not isinstance(created.get(must_have), str) or not created[must_have]:
            raise TransientError(
                self.system,
                f"POST {path}: {answer.status_code}, but no {must_have}; {_quote(answer)}",
                maybe_written=True,
            )
        return created

    async def change(self, path: str, body: Row, *, etag: str, key: str) -> Refused | None:
        """Update what was read with this ETag. Raises Stale."""
        answer = await self._write("PATCH", path, body, key, etag)
        return answer if isinstance(answer, Refused) else None

    async def delete(self, path: str, *, etag: str, key: str) -> Refused | None:
        """Delete what was read with this ETag; harmless where it is gone. Raises Stale."""
        answer = await self._write("DELETE", path, None, key, etag)
        return answer if isinstance(answer, Refused) else None

    async def act(self, path: str, *, key: str) -> Refused | None:
        """A bound action."""
        answer = await self._write("POST", path, {}, key)
        return answer if isinstance(answer, Refused) else None

    async def _write(
        self, method: str, path: str, body: Row | None, key: str, etag: str = ""
    ) -> httpx.Response | Refused:
        headers = {"Idempotency-Key": key, **({"If-Match": etag} if etag else {})}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        async with self._places:
            answer = await exchange(
                self._http,
                self.system,
                method,
                path,
                writes=True,
                headers=headers,
                content=b"" if body is None else dumps(body),
                reads=_READ_BY_US,
            )
        if answer.status_code < 300:
            return answer
        what, said_ = f"{method} {path}", _of(answer)
        if method == "DELETE" and answer.status_code == 404 and said_ is not None:
            return answer
        if said_ is not None and (said_.code == "Request_EntityChanged" or answer.status_code in (409, 412)):
            raise EntityChanged(f"{what}: {said_.message}")
        if said_ is not None and _is_refusal(answer.status_code, said_):
            return Refused(system=self.system, code=said_.code, reason=said_.message or "no reason given")
        raise self._error(what, answer, said_, writes=True)

    def _body(self, what: str, answer: httpx.Response, *, writes: bool) -> Any:
        try:
            return loads(answer.content)
        except ValueError as error:
            raise TransientError(
                self.system,
                f"{what}: {answer.status_code}, but no JSON that can be read; {_quote(answer)}",
                maybe_written=writes,
            ) from error

    def _error(self, what: str, answer: httpx.Response, said_: _Said | None, *, writes: bool) -> AdapterError:
        head = f"{what}: {answer.status_code}"
        quote_ = f"it answered {said_.code}: {said_.message}" if said_ else _quote(answer)
        if said_ is not None and answer.status_code < 500:
            if said_.code in _TRANSIENT:
                return TransientError(self.system, f"{head}; {quote_}", maybe_written=writes)
            if _LOCKED.search(said_.message):
                return TransientError(self.system, f"{head}; in use by somebody else, so it is tried again; {quote_}")
            if said_.code == "Internal_CompanyNotFound":
                return PermanentError(self.system, f"{head}; check option `company`, the company's id; {quote_}")
        if answer.status_code in (401, 403):
            step = "check the app registration's secret, that it is set up in Business Central, and its permission sets"
            return PermanentError(self.system, f"{head}; {step}; {quote_}")
        return failure(self.system, what, answer.status_code, answer.headers, quote_, writes)


def literal(text: str) -> str:
    """A string in a $filter."""
    return "'" + text.replace("'", "''") + "'"


def _of(answer: httpx.Response) -> _Said | None:
    """The error in an answer; None: it is not Business Central that answers."""
    try:
        error = loads(answer.content)["error"]
        code, message = str(error["code"]), str(error.get("message") or "")
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return _Said(code, _CORRELATION.sub("", message).strip()[:500])


def _is_refusal(status: int, error: _Said) -> bool:
    """Whether a person could do something about it in Business Central's data."""
    if status >= 500 or status in (401, 403, 408, 429) or error.code in _TRANSIENT or _LOCKED.search(error.message):
        return False
    return error.code.startswith("Application_") or error.code in (
        "Internal_InvalidTableRelation",
        "Internal_RecordNotFound",
        "Internal_EntityWithSameKeyExists",
        "Internal_DataNotFoundFilter",
    )


def _quote(answer: httpx.Response) -> str:
    return said(answer.headers, answer.content)
