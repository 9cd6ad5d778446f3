"""Coupa's REST API: reading page by page, writing, and what an error says.

Decided here: a refusal (400, 404, 409, 422) is told apart from a failed call, in JSON and in XML; a list ends with its
first page of fewer rows than were asked for, since no count is given; a row that is not there is None (404).
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from adapters.errors import PermanentError, TransientError
from adapters.exact_json import dumps, loads
from adapters.http import exchange, quoted
from canonical.order import Refused

Row = Mapping[str, Any]
PAGE_ROWS = 50
"""Coupa gives no more at a time."""
_PAGES_MAX = 400
_REFUSED = (400, 404, 409, 422)
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
"""Coupa wants both to be equal."""
_XML_ERROR = re.compile(r"<error>([^<]{1,500})</error>")


class CoupaApi:
    """Calls of one instance."""

    def __init__(self, http: httpx.AsyncClient, system: str) -> None:
        self._http = http
        self.system = system

    async def row(self, path: str) -> Row | None:
        """One row; None: there is none."""
        answer = await exchange(
            self._http, self.system, "GET", f"api/{path}", writes=False, headers=_HEADERS, reads=(404,)
        )
        return None if answer.status_code == 404 else self._row(path, answer, writes=False)

    async def rows(self, path: str, **query: str) -> AsyncIterator[Row]:
        """All rows of a list, as many pages as the caller goes through."""
        asked = "&".join(f"{quote(name, safe='[]')}={quote(value, safe='')}" for name, value in query.items())
        for page in range(_PAGES_MAX):
            address = f"api/{path}?limit={PAGE_ROWS}&offset={page * PAGE_ROWS}" + (f"&{asked}" if asked else "")
            answer = await exchange(
                self._http, self.system, "GET", address, writes=False, headers=_HEADERS, reads=(404,)
            )
            found = [] if answer.status_code == 404 else self._body(path, answer, writes=False)
            if not isinstance(found, list) or not all(isinstance(row, dict) and "id" in row for row in found):
                raise PermanentError(self.system, f"GET {path}: no list of rows; {_quote(answer)}")
            for row in found:
                yield row
            if len(found) < PAGE_ROWS:
                return
        raise PermanentError(self.system, f"GET {path} has more than {_PAGES_MAX} pages; narrow what is looked for")

    async def write(self, method: str, path: str, body: Row | None = None) -> Row | Refused:
        """Write; the row as it is then, empty where something was deleted."""
        answer = await exchange(
            self._http,
            self.system,
            method,
            f"api/{path}",
            writes=True,
            headers=_HEADERS,
            content=dumps(body or {}),
            reads=_REFUSED,
        )
        if answer.status_code in _REFUSED:
            reason = _said(answer) or _quote(answer)
            return Refused(system=self.system, code=str(answer.status_code), reason=f"Coupa: {reason}")
        return {} if method == "DELETE" else self._row(path, answer, writes=True)

    def _row(self, path: str, answer: httpx.Response, *, writes: bool) -> Row:
        body = self._body(path, answer, writes=writes)
        if not isinstance(body, dict) or "id" not in body:
            raise self._unreadable(path, answer, "no row with an id", writes=writes)
        return body

    def _body(self, path: str, answer: httpx.Response, *, writes: bool) -> Any:
        try:
            return loads(answer.content)
        except ValueError as error:
            raise self._unreadable(path, answer, str(error)[:120], writes=writes) from error

    def _unreadable(
        self, path: str, answer: httpx.Response, why: str, *, writes: bool
    ) -> TransientError | PermanentError:
        detail = f"{path}: {answer.status_code}, but {why}; {_quote(answer)}"
        if writes:
            return TransientError(self.system, detail, maybe_written=True)
        return PermanentError(self.system, detail)


def _quote(answer: httpx.Response) -> str:
    return quoted(answer.content, answer.headers.get("content-type", ""))


def _said(answer: httpx.Response) -> str:
    """What the errors say, however they are wrapped; empty: nothing that is known."""
    try:
        body = loads(answer.content)
    except ValueError:
        return "; ".join(_XML_ERROR.findall(answer.text[:20_000]))[:500]
    errors = body.get("errors", body.get("error")) if isinstance(body, dict) else body
    return "; ".join(_texts(errors))[:500]


def _texts(errors: Any) -> list[str]:
    match errors:
        case str():
            return [" ".join(errors.split())]
        case dict():
            return [text for each in list(errors.values())[:20] for text in _texts(each)]
        case list():
            return [text for each in errors[:20] for text in _texts(each)]
    return []
