"""Tryton's JSON-RPC: its session, its values, its errors.

Decided here: how a session is opened and renewed, and which answer is a result, a refusal, a transient or a permanent
error. Tryton answers its own errors with status 200 (trytond.protocols.jsonrpc); each call is one transaction, which
an error undoes.
"""

import asyncio
import base64
import datetime as dt
import itertools
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx

from adapters.erp.remote import NotWritable
from adapters.errors import PermanentError, TransientError
from adapters.http import excerpt, exchange, failure, said
from canonical.order import Refused

Context = Mapping[str, Any]
_UNAUTHORIZED = 401


class NotInTryton(NotWritable):
    """A value that a field of Tryton can't hold, or a code that it does not know; the message names it."""

    code = "does_not_fit"


class TrytonRpc:
    """Calls to one database of a Tryton server; the client's basic log-on is exchanged for a session."""

    def __init__(self, http: httpx.AsyncClient, system: str, database: str) -> None:
        self.system = system
        self._http = http
        self._url = f"{database}/rpc/"
        self._user, self._password = _log_on(http)
        self._session = ""
        self._opening = asyncio.Lock()
        self._numbers = itertools.count(1)

    async def read(self, method: str, *params: Any, context: Context | None = None) -> Any:
        """The result of a call that changes nothing. Raises PermanentError where Tryton refuses it."""
        answer = await self._called(method, params, context or {}, writes=False)
        if isinstance(answer, Refused):
            raise PermanentError(self.system, f"{method} is refused: {answer.reason}; extend the rights of the user")
        return answer

    async def write(self, method: str, *params: Any, context: Context | None = None) -> Any | Refused:
        """The result of a call that changes something, or Tryton's refusal."""
        return await self._called(method, params, context or {}, writes=True)

    async def _called(self, method: str, params: tuple[Any, ...], context: Context, *, writes: bool) -> Any | Refused:
        session = await self._opened("")
        for last in (False, True):
            response = await self._posted(method, [*params, dict(context)], session, writes=writes)
            if response.status_code != _UNAUTHORIZED:
                return self._result(method, response, writes)
            if last:
                break
            session = await self._opened(session)
        raise failure(self.system, method, 401, response.headers, said(response.headers, response.content), writes)

    async def _opened(self, stale: str) -> str:
        """The session; opened once, even if several calls find it missing or `stale` at the same moment."""
        async with self._opening:
            if self._session == stale:
                secret = {"password": self._password}
                response = await self._posted("common.db.login", [self._user, secret, "en"], "", writes=False)
                if response.status_code == _UNAUTHORIZED:
                    quote = said(response.headers, response.content)
                    raise failure(self.system, "common.db.login", 401, response.headers, quote, False)
                opened = self._result("common.db.login", response, False)
                if not (isinstance(opened, list) and len(opened) >= 2 and isinstance(opened[1], str)):
                    raise self._unreadable("common.db.login", response, False)
                token = f"{self._user}:{opened[0]}:{opened[1]}".encode()
                self._session = f"Session {base64.b64encode(token).decode()}"
            return self._session

    async def _posted(self, method: str, params: list[Any], session: str, *, writes: bool) -> httpx.Response:
        body = {"id": next(self._numbers), "method": method, "params": params}
        headers = {"Content-Type": "application/json"} | ({"Authorization": session} if session else {})
        return await exchange(
            self._http,
            self.system,
            "POST",
            self._url,
            writes=writes,
            headers=headers,
            content=json.dumps(body, default=_encoded).encode(),
            reads=(_UNAUTHORIZED,),
        )

    def _result(self, method: str, response: httpx.Response, writes: bool) -> Any | Refused:
        try:
            answer = json.loads(response.content, object_hook=_decoded, parse_float=Decimal)
        except (ValueError, RecursionError):
            raise self._unreadable(method, response, writes) from None
        if not isinstance(answer, dict) or not answer.keys() & {"result", "error"}:
            raise self._unreadable(method, response, writes)
        if "error" not in answer:
            return answer["result"]
        error = answer["error"]
        kind, detail = (error[0], error[1]) if isinstance(error, list) and len(error) > 1 else (str(error), "")
        words = [str(one) for one in detail] if isinstance(detail, list) else [str(detail)]
        match kind:
            case "UserError":
                return Refused(system=self.system, code=kind, reason=" ".join(words[:2]).strip() or "no reason given")
            case "UserWarning":
                return Refused(system=self.system, code=kind, reason=" ".join(words[1:3]).strip() or words[0])
            case "ConcurrencyException":
                raise TransientError(self.system, f"{method}: changed by somebody else meanwhile; it is read again")
            case "LoginException":
                raise PermanentError(self.system, f"{method}: the log-on asks for {words[0]}; a password must do")
        model = ".".join(method.split(".")[1:-1])
        if kind == f"'{model}'":
            raise PermanentError(self.system, f"{method}: Tryton knows no {model}; activate its module")
        # A defect or its database: the transaction is undone, but what follows the commit may have failed, too.
        raise TransientError(self.system, f"{method}: {excerpt(response)}", maybe_written=writes)

    def _unreadable(self, method: str, response: httpx.Response, writes: bool) -> TransientError:
        quote = said(response.headers, response.content)
        return TransientError(self.system, f"{method}: no JSON-RPC answer; {quote}", maybe_written=writes)


def _log_on(http: httpx.AsyncClient) -> tuple[str, str]:
    """User and password of the client's basic log-on, which is taken out of it: Tryton wants a session."""
    if not isinstance(http.auth, httpx.BasicAuth):
        return "", ""
    header = next(http.auth.sync_auth_flow(httpx.Request("GET", "http://log-on"))).headers["Authorization"]
    user, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    http.auth = httpx.Auth()
    return user, password


def exact(quantity: Decimal, field: str) -> float:
    """The number for one of Tryton's float fields. Raises NotInTryton where no float is exactly it."""
    number = float(quantity)
    if Decimal(repr(number)) != quantity:
        raise NotInTryton(f"{field}: {quantity} has more digits than Tryton keeps")
    return number


def _encoded(value: object) -> Any:
    if isinstance(value, dt.date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": f"{value:f}"}
    raise TypeError(f"no value of Tryton's: {type(value).__name__}")


def _decoded(found: dict[str, Any]) -> Any:
    match found.get("__class__"):
        case "date":
            return dt.date(found["year"], found["month"], found["day"])
        case "datetime":
            day = (found["year"], found["month"], found["day"])
            clock = (found["hour"], found["minute"], found["second"], found["microsecond"])
            return dt.datetime(*day, *clock, tzinfo=dt.UTC)
        case "timedelta":
            return dt.timedelta(seconds=float(found["seconds"]))
        case "Decimal":
            return Decimal(found["decimal"])
    return found


__all__ = ["NotInTryton", "TrytonRpc", "exact"]
