"""Oracle's REST framework: pages, expressions, item links with their ETag, actions, errors.

Decided here: that version 4 of the framework is always asked for (its `q`, its children, its errors), that a row is
addressed by the link that Oracle gave with it, never by a key of our own making, and which answer is a result, a
refusal, a transient or a permanent error. Not decided here: which resources are read and written for what.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

import httpx

from adapters.erp.oracle.values import equals, write_json
from adapters.errors import AdapterError, PermanentError, TransientError
from adapters.exact_json import loads
from adapters.http import exchange, failure, said
from canonical.order import Refused

ROOT = "fscmRestApi/resources/11.13.18.05"
FRAMEWORK = "4"
_RESOURCE = "application/vnd.oracle.adf.resourceitem+json"
_ACTION = "application/vnd.oracle.adf.action+json"
_PAGE = 200
_PAGES_MAX = 20_000
_READ_BY_US = range(400, 600)
_TOLD = 500
OTHER_SHAPE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""How reading a row fails that has another shape than expected."""

Row = Mapping[str, Any]
Shaped = TypeVar("Shaped")


class RowLink(NamedTuple):
    """Where a row is, as Oracle said, and its state by then."""

    path: str
    etag: str
    """Empty: Oracle gave none."""


class Fusion:
    """One instance of Oracle Fusion; `system`: its name in messages."""

    def __init__(self, http: httpx.AsyncClient, system: str) -> None:
        self._http = http
        self.system = system

    async def read(
        self, path: str, *, where: str = "", expand: str = "", order: str = "", links: bool = False
    ) -> list[Row]:
        """All rows of a resource or of an item's child, page by page; those children that did not fit are read, too."""
        options = {"q": where, "expand": expand, "orderBy": order, "onlyData": "" if links else "true"}
        found: list[Row] = []
        for _ in range(_PAGES_MAX):
            query = urlencode(
                {name: one for name, one in options.items() if one} | {"limit": _PAGE, "offset": len(found)}
            )
            response = await self._get(f"{path}?{query}")
            body = self._body(f"GET {path}", response, writes=False)
            items = body.get("items") if isinstance(body, dict) else None
            if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
                raise PermanentError(self.system, f"GET {path}: no `items`; {self._compare}; {_said(response)}")
            found += items
            if not body.get("hasMore"):
                return found
            if not items:
                break
        raise PermanentError(self.system, f"{path} leads from page to page without end")

    async def read_as(
        self, shape: Callable[[list[Row]], Shaped], path: str, *, of: Mapping[str, str] | None = None, **options: Any
    ) -> Shaped:
        """What `shape` makes of the rows. Raises PermanentError, quoting one, where they are of another kind.

        `of`: what attributes must hold. Rows that hold something else are left out: an attribute that can't be queried
        by must not make strange documents ours.
        """
        rows = await self.read(path, **options | ({"where": equals(**of)} if of else {}))
        rows = [row for row in rows if all(row.get(name, value) == value for name, value in (of or {}).items())]
        return self.shaped(shape, rows, path)

    def shaped(self, shape: Callable[[list[Row]], Shaped], rows: list[Row], path: str) -> Shaped:
        """What `shape` makes of these rows; errors as in `read_as`."""
        try:
            return shape(rows)
        except OTHER_SHAPE as error:
            why = f"{type(error).__name__}: {str(error)[:120]}"
            row = json.dumps(rows[:1], default=str, ensure_ascii=False)[:300]
            raise PermanentError(
                self.system, f"{path} can't be read ({why}); {self._compare}; it answered {row}"
            ) from error

    async def item(self, path: str, *, expand: str = "") -> Row | None:
        """One row of a resource that is keyed by what we know; None: there is none."""
        query = f"?{urlencode({'expand': expand, 'onlyData': 'true'})}" if expand else "?onlyData=true"
        response = await self._get(f"{path}{query}", missing=True)
        if response is None:
            return None
        body = self._body(f"GET {path}", response, writes=False)
        if not isinstance(body, dict):
            raise PermanentError(self.system, f"GET {path}: no row; {self._compare}; {_said(response)}")
        return body

    async def children(self, link: RowLink, row: Row, name: str, expand: str = "") -> list[Row]:
        """The expanded children of a row; read by themselves where they did not all fit into it."""
        found = row.get(name)
        if isinstance(found, Mapping) and isinstance(found.get("items"), list):
            if not found.get("hasMore"):
                return list(found["items"])
            return await self.read(f"{link.path}/child/{name}", expand=expand)
        raise PermanentError(
            self.system, f"{link.path}: no children {name!r} of framework {FRAMEWORK}; {self._compare}"
        )

    async def create(self, path: str, body: Row, *, key: str) -> Row | Refused:
        """POST of a row; an answer that can't be read is a lost answer: the row may be there."""
        response = await self._write("POST", path, body, key)
        if isinstance(response, Refused):
            return response
        return self._row(f"POST {path}", response)

    async def change(self, link: RowLink, body: Row, *, key: str) -> Row | Refused:
        """PATCH of the row as it was read: 412 where somebody changed it since, which is tried again later."""
        response = await self._write("PATCH", link.path, body, key, etag=link.etag)
        return response if isinstance(response, Refused) else self._row(f"PATCH {link.path}", response)

    async def change_at(self, path: str, body: Row, *, key: str) -> Row | Refused:
        """PATCH of a row that is keyed by what we know."""
        return await self.change(RowLink(path, ""), body, key=key)

    async def delete(self, link: RowLink, *, key: str) -> Refused | None:
        """DELETE of the row."""
        response = await self._write("DELETE", link.path, None, key)
        return response if isinstance(response, Refused) else None

    async def act(self, link: RowLink, action: str, body: Row | None = None, *, key: str) -> Refused | None:
        """An action on the row."""
        response = await self._write("POST", f"{link.path}/action/{action}", body or {}, key, kind=_ACTION)
        return response if isinstance(response, Refused) else None

    def link(self, row: Row) -> RowLink:
        """Where the row is. Raises PermanentError where Oracle did not say."""
        for one in row.get("links") or []:
            if isinstance(one, Mapping) and one.get("rel") == "self":
                path = str(one.get("href", "")).partition(f"{ROOT}/")[2]
                properties = one.get("properties")
                state = properties.get("changeIndicator") if isinstance(properties, Mapping) else None
                if path:
                    return RowLink(path, str(state or ""))
        raise PermanentError(self.system, f"a row came without a link to itself; {self._compare}")

    def _row(self, what: str, response: httpx.Response) -> Row:
        body = self._body(what, response, writes=True)
        if not isinstance(body, dict):
            raise TransientError(self.system, f"{what}: no row; {_said(response)}", maybe_written=True)
        return body

    async def _get(self, target: str, *, missing: bool = False) -> Any:
        what = f"GET {target.partition('?')[0]}"
        response = await exchange(
            self._http,
            self.system,
            "GET",
            f"{ROOT}/{target}",
            writes=False,
            headers={"REST-Framework-Version": FRAMEWORK},
            reads=_READ_BY_US,
        )
        if response.status_code < 300:
            return response
        if missing and response.status_code == 404 and _details(response):
            return None
        raise self._error(what, response, writes=False)

    async def _write(
        self, method: str, path: str, body: Row | None, key: str, *, etag: str = "", kind: str = _RESOURCE
    ) -> httpx.Response | Refused:
        headers = {"REST-Framework-Version": FRAMEWORK, "Idempotency-Key": key}
        headers |= {"Content-Type": kind} if body is not None else {}
        headers |= {"If-Match": f'"{etag}"'} if etag else {}
        response = await exchange(
            self._http,
            self.system,
            method,
            f"{ROOT}/{path}",
            writes=True,
            headers=headers,
            content=None if body is None else write_json(body),
            reads=_READ_BY_US,
        )
        if response.status_code < 300:
            return response
        details = _details(response)
        if response.status_code in (400, 409, 422) and details:
            first = details[0]
            reason = "; ".join(dict.fromkeys(str(one.get("detail") or "") for one in details))[:_TOLD]
            return Refused(
                system=self.system,
                code=str(first.get("o:errorCode") or response.status_code)[:60],
                reason=reason or "no reason given",
            )
        raise self._error(f"{method} {path}", response, writes=True)

    def _body(self, what: str, response: httpx.Response, *, writes: bool) -> Any:
        try:
            return loads(response.content)
        except ValueError as error:
            raise TransientError(
                self.system, f"{what}: no JSON that can be read; {_said(response)}", maybe_written=writes
            ) from error

    def _error(self, what: str, response: httpx.Response, *, writes: bool) -> AdapterError:
        head, quote = f"{what}: {response.status_code}", _said(response)
        if response.status_code == 412:
            return TransientError(self.system, f"{head}; somebody changed it meanwhile, so it is read again; {quote}")
        if response.status_code == 404 and writes and _details(response):
            return TransientError(self.system, f"{head}; it is not there any more, so it is looked for again; {quote}")
        if response.status_code == 400:
            return PermanentError(self.system, f"{head}; {self._compare}; {quote}")
        return failure(self.system, what, response.status_code, response.headers, quote, writes)

    @property
    def _compare(self) -> str:
        return "compare the resource's describe with what it is asked for (landscape check)"


def _details(response: httpx.Response) -> list[Mapping[str, Any]]:
    """Oracle's own account of an error; empty: the answer is not Oracle's, or says nothing."""
    try:
        body = loads(response.content)
    except ValueError:
        return []
    details = body.get("o:errorDetails") if isinstance(body, dict) else None
    return [one for one in details if isinstance(one, Mapping)] if isinstance(details, list) else []


def _said(response: httpx.Response) -> str:
    details = "; ".join(f"{one.get('detail')} ({one.get('o:errorCode')})" for one in _details(response))
    return f"it answered: {details[:_TOLD]}" if details else said(response.headers, response.content)


__all__ = ["FRAMEWORK", "OTHER_SHAPE", "ROOT", "Fusion", "Row", "RowLink"]
