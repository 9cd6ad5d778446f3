"""Log-on by OAuth 2 client credentials (RFC 6749, 4.4), with a secret or a client certificate (adapters.tls).

Decided here: one token for all calls of a client, fetched once however many calls need it, renewed before it expires
and once more when a call is answered by 401. A token endpoint that fails has written nothing. Secrets and tokens
appear in no message: of a refusal only its `error` and `error_description` are quoted.
"""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import quote_plus

import httpx
from pydantic import SecretStr

from adapters.errors import PermanentError, TransientError
from adapters.http import PreparedAuth, quoted, retry_after
from adapters.tls import refused_handshake

_LIFETIME = 300.0
"""The seconds that a token is taken to last whose endpoint does not say it (RFC 6749 leaves that open)."""
_MARGIN, _MARGIN_SHARE = 60.0, 0.2
"""A token is renewed this long before it expires, or this share of its lifetime where that is shorter."""
_TOKEN_MAX = 20_000


class TokenEndpoint(NamedTuple):
    """Where tokens are had, and as whom; `secret` None: the client certificate says who asks."""

    url: str
    client_id: str
    secret: SecretStr | None = None
    scope: str = ""
    secret_in: Literal["header", "body"] = "header"
    """RFC 6749, 2.3.1: the header is what every server takes; some take the body alone."""
    more: Mapping[str, str] = {}
    """Further fields of the request, such as `resource` or `audience`."""


class _Token(NamedTuple):
    text: str
    renew_at: float


class ClientCredentials(PreparedAuth):
    """Puts a bearer token on every call; `system` names the counterpart in messages."""

    def __init__(
        self,
        endpoint: TokenEndpoint,
        *,
        system: str,
        timeout_seconds: float = 5.0,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint
        self._system = system
        self._timeout = timeout_seconds
        self._tls = tls
        self._transport = transport
        self._clock = clock
        self._token: _Token | None = None
        self._renewing = asyncio.Lock()

    def __repr__(self) -> str:
        return f"ClientCredentials({self._endpoint.url!r}, {self._endpoint.client_id!r})"

    async def prepare(self) -> None:
        """Have a token that lasts. Raises TransientError, never `maybe_written`, or PermanentError."""
        await self._lasting(stale=None)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send with the token; once more with another one where it is refused."""
        token = await self._lasting(stale=None)
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = f"Bearer {await self._lasting(stale=token)}"
            yield request

    async def _lasting(self, *, stale: str | None) -> str:
        """A token that is not `stale` and does not expire soon, fetched by the first of those who need it."""
        async with self._renewing:
            held = self._token
            if held is None or held.text == stale or held.renew_at <= self._clock():
                held = self._token = await self._fetched()
            return held.text

    async def _fetched(self) -> _Token:
        asked_at = self._clock()
        response = await self._asked()
        if response.status_code != 200:
            raise self._refused(response)
        try:
            answer = json.loads(response.content, parse_float=str)
            text, lasts = answer["access_token"], answer.get("expires_in")
            lifetime = float(lasts) if lasts is not None else _LIFETIME
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise self._unusable("no access_token in JSON") from None
        kind = str(answer.get("token_type", "bearer")).lower()
        if not isinstance(text, str) or not 0 < len(text) <= _TOKEN_MAX or not text.isascii() or not text.isprintable():
            raise self._unusable("an access_token that is none")
        if kind != "bearer" or not 0 < lifetime < float("inf"):
            raise self._unusable(f"a token of type {kind[:20]!r} for {lifetime:g} s")
        return _Token(text, asked_at + lifetime - min(_MARGIN, lifetime * _MARGIN_SHARE))

    async def _asked(self) -> httpx.Response:
        endpoint = self._endpoint
        form = {"grant_type": "client_credentials", **endpoint.more}
        form |= {"scope": endpoint.scope} if endpoint.scope else {}
        auth = None
        if endpoint.secret is not None and endpoint.secret_in == "header":
            auth = httpx.BasicAuth(quote_plus(endpoint.client_id), quote_plus(endpoint.secret.get_secret_value()))
        else:
            form["client_id"] = endpoint.client_id
            form |= {"client_secret": endpoint.secret.get_secret_value()} if endpoint.secret is not None else {}
        options: dict[str, Any] = {"verify": self._tls} if self._tls is not None else {}
        try:
            async with (
                asyncio.timeout(self._timeout),
                httpx.AsyncClient(timeout=self._timeout, transport=self._transport, **options) as client,
            ):
                return await client.post(
                    endpoint.url, data=form, headers={"Accept": "application/json"}, auth=auth or httpx.Auth()
                )
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise PermanentError(self._system, f"{self._where}: {error}; correct it in the settings") from error
        except (httpx.HTTPError, ssl.SSLError, TimeoutError) as error:
            if fault := refused_handshake(error):
                raise PermanentError(self._system, f"{self._where}: {fault}") from error
            why = str(error) or f"no answer within {self._timeout:g} s"
            raise TransientError(self._system, f"{self._where}: {why[:200]}") from error

    def _refused(self, response: httpx.Response) -> PermanentError | TransientError:
        status, what = response.status_code, f"{self._where}: {response.status_code}"
        if status in (408, 425, 429) or status >= 500:
            wait = retry_after(response.headers.get("retry-after", ""))
            return TransientError(self._system, f"{what}, no token", retry_after_seconds=wait)
        try:
            answer = json.loads(response.content)
            said = " ".join(str(answer[each]) for each in ("error", "error_description") if answer.get(each))
        except (ValueError, AttributeError, TypeError, RecursionError):
            said = ""
        step = f"check client id and secret (or certificate) of {self._system}, and its scope"
        return PermanentError(self._system, f"{what}, no token; {step}; {quoted(said.encode()) or 'it says no more'}")

    def _unusable(self, what: str) -> TransientError:
        return TransientError(self._system, f"{self._where}: 200, but {what}")

    @property
    def _where(self) -> str:
        return f"token endpoint {self._endpoint.url.partition('?')[0][:120]}"


__all__ = ["ClientCredentials", "TokenEndpoint"]
