"""Writes in a session of SAP Gateway's: the CSRF token and the cookies that belong to it.

Decided here: how a token is fetched and renewed. A service that gives none may not want one (OData V4 behind an API
gateway), or must (V2).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from adapters.erp.sap.answers import READ_BY_US, Answers, quoted, wants_token
from adapters.erp.sap.batch import BatchResponse
from adapters.erp.sap.sap_error import SapError
from adapters.errors import PermanentError
from adapters.http import exchange


@dataclass(frozen=True)
class _Token:
    text: str
    cookies: str


class CsrfSession:
    """The writes to one service below `path`; `required`: without a token nothing is written."""

    def __init__(self, http: httpx.AsyncClient, path: str, answers: Answers, *, required: bool) -> None:
        self._http = http
        self._path = path
        self._answers = answers
        self._required = required
        self._token: _Token | None = None
        self._renewing = asyncio.Lock()

    async def write(self, method: str, path: str, content: bytes, headers: Mapping[str, str]) -> BatchResponse:
        """The answer to one write, whatever its status. Raises an AdapterError where there is none."""
        token = await self._opened(None)
        what = f"{method} {path}"
        for last in (False, True):
            response = await exchange(
                self._http,
                self._answers.system,
                method,
                f"{self._path}/{path}",
                writes=True,
                headers={
                    **({"Content-Type": "application/json"} if content else {}),
                    **headers,
                    **({"X-CSRF-Token": token.text} if token.text else {}),
                    **({"Cookie": token.cookies} if token.cookies else {}),
                },
                content=content,
                reads=READ_BY_US,
            )
            if response.status_code != 403:
                break
            if last or not wants_token(response):
                answer = BatchResponse.of(response)
                raise self._answers.error(what, answer, SapError.read(answer), writes=True)
            token = await self._opened(token)
        return BatchResponse.of(response)

    async def _opened(self, stale: _Token | None) -> _Token:
        """The token to write with; fetched once, even if several calls find it missing or `stale` at the same time."""
        async with self._renewing:
            if self._token is None or self._token is stale:
                response = await exchange(
                    self._http,
                    self._answers.system,
                    "GET",
                    f"{self._path}/",
                    writes=False,
                    headers={"X-CSRF-Token": "Fetch"},
                )
                text = response.headers.get("x-csrf-token") or ""
                if not text and self._required:
                    raise PermanentError(
                        self._answers.system,
                        f"{self._answers.service} gave no X-CSRF-Token; check that the base URL leads to SAP Gateway "
                        f"itself, and how the communication user logs on; {quoted(BatchResponse.of(response))}",
                    )
                self._token = _Token(text, _cookies_of(response))
            return self._token


def _cookies_of(response: httpx.Response) -> str:
    """The cookies that belong to the token: those sent with the request for it, and those returned.

    Not the client's jar: all services share it, so another answer may have replaced the session in the meantime.
    """
    sent = response.request.headers.get("Cookie", "").split("; ")
    pairs = dict(pair.split("=", 1) for pair in sent if "=" in pair)
    pairs |= {cookie.name: cookie.value or "" for cookie in response.cookies.jar}
    return "; ".join(f"{name}={value}" for name, value in pairs.items())
