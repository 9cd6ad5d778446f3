"""Who a request comes from: a browser's session, or a bearer token; and how often they may call.

Decided here: which of both counts, what a caller is told whose token or session does not hold, and when the issuer is
asked again for the roles of a session's person. Not here: how a session begins and ends (gateway.access.login), signed
webhooks (gateway.access.senders).
"""

import asyncio
import datetime as dt
import hashlib
import hmac
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
from cryptography.fernet import InvalidToken
from starlette.requests import HTTPConnection

from gateway.access.grants import Granted, GrantRefused, described, redeem, seal
from gateway.access.issuer import Issuer, IssuerUnreachable, TokenRefused
from gateway.access.principal import CallerRole, Principal
from gateway.access.rates import Buckets, Rate
from gateway.access.rules import AccessRules, ClaimsRefused
from gateway.problems import Refusal
from ledger.ledger import Ledger
from ledger.people.sessions import Session

logger = logging.getLogger(__name__)
_MET_MAX = 10_000
_REFRESH_TOKEN = b"refresh token"


class CallRates(NamedTuple):
    """How often each kind of caller may call."""

    person: Rate = Rate(50, 500)
    program: Rate = Rate(2_000, 10_000)
    unknown: Rate = Rate(20, 200)
    """Nobody that is known, by address: log-ins, and tokens that do not hold."""


class Access:
    """Identifies callers by one issuer."""

    def __init__(
        self,
        rules: AccessRules,
        http: httpx.AsyncClient,
        ledger: Ledger,
        *,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        rates: CallRates = CallRates(),  # noqa: B008
    ) -> None:
        """`http` calls the issuer, with time-outs of its own; `now` is the machine's clock, like the issuer's."""
        self.rules = rules
        self.http = http
        self.issuer = Issuer(rules.issuer, http)
        self.now = now
        self._ledger = ledger
        self._rates = rates
        self._buckets = Buckets()
        self._met: OrderedDict[str, tuple[str, str]] = OrderedDict()

    @property
    def session_cookie(self) -> str:
        """Its name; by HTTPS one that browsers take from this host alone."""
        return "__Host-pegline" if self.rules.secure else "pegline-session"

    async def caller(self, request: HTTPConnection, *, used: bool = True) -> Principal | None:
        """Who calls; None: nobody who says so. Raises Refusal: a token that does not hold, or no issuer.

        `used` False: the page calls by itself, which keeps no session open.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return await self._by_token(token.strip())
        if session_id := request.cookies.get(self.session_cookie):
            return await self.by_session(session_id, used=used)
        return None

    async def by_session(self, session_id: str, *, used: bool = True) -> Principal | None:
        """Who the session belongs to; None where it has ended. `used`: by its person, which keeps it open."""
        session = await self._ledger.sessions.find(session_id, self.now(), self.rules.limits, used=used)
        if session is not None and self._roles_are_old(session):
            # A refresh token that was used up and not kept would end the session: whoever asks may have gone by then.
            session = await asyncio.shield(self._described_again(session_id, session))
        if session is None:
            return None
        return Principal(
            subject=session.subject,
            name=session.name,
            roles=frozenset(CallerRole(role) for role in session.roles if role in set(CallerRole)),
            plants=None if session.plants is None else frozenset(session.plants),
            email=session.email,
            csrf_token=_csrf_token(session_id),
            roles_unconfirmed=bool(session.refresh_token)
            and self.now() - session.roles_read_at > self.rules.roles_trusted,
            offices=frozenset(session.offices),
            known_as=frozenset(session.known_as),
        )

    async def open_session(self, session_id: str, principal: Principal, granted: Granted) -> None:
        """Keep a session for somebody who has just logged in."""
        now = self.now()
        session = Session(
            subject=principal.subject,
            **_description(principal),
            id_token=granted.id_token,
            refresh_token=self._sealed(granted.refresh_token),
            issuer_session=granted.issuer_session,
            roles_read_at=now,
            roles_asked_at=now,
            opened_at=now,
            used_at=now,
        )
        await self._ledger.sessions.open(session_id, session, self.rules.limits)
        await self._meet(principal)

    def _roles_are_old(self, session: Session) -> bool:
        """Without a refresh token the issuer can't be asked: what it said at the log-in holds to the session's end."""
        return bool(session.refresh_token) and self.now() - session.roles_asked_at >= self.rules.roles_kept

    async def _described_again(self, session_id: str, known: Session) -> Session | None:
        """The session with what the issuer says of its person now; None: it says that the session is over.

        While it does not answer, the session is as it was (`Principal.roles_unconfirmed` after a while).
        """
        now, sessions = self.now(), self._ledger.sessions
        if not await sessions.ask_again(session_id, now, now - self.rules.roles_kept):
            return known
        try:
            refresh_token = self._unsealed(known.refresh_token)
            grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
            tokens = await redeem(self.rules, self.issuer, self.http, grant)
            found = await described(self.rules, self.issuer, tokens)
        except IssuerUnreachable as unreachable:
            logger.warning("roles of a session can't be read again: %s", unreachable)
            return known
        except (GrantRefused, TokenRefused, ClaimsRefused, InvalidToken) as refused:
            logger.info("a session is over at the issuer: %s", refused)
            found = None
        if found is None or found[0].subject != known.subject or not found[0].roles:
            await sessions.end(session_id)
            return None
        principal, granted = found
        session = known.model_copy(
            update={
                **_description(principal),
                "id_token": granted.id_token or known.id_token,
                "refresh_token": self._sealed(granted.refresh_token or refresh_token),
                "issuer_session": granted.issuer_session or known.issuer_session,
                "roles_read_at": now,
            }
        )
        await sessions.describe(session_id, session)
        await self._meet(principal)
        return session

    def _sealed(self, token: str) -> str:
        """Who reads the table, but has no secret of the client, can do nothing with it."""
        return seal(self.rules, _REFRESH_TOKEN).encrypt(token.encode()).decode() if token else ""

    def _unsealed(self, token: str) -> str:
        return seal(self.rules, _REFRESH_TOKEN).decrypt(token).decode()

    def admit(self, principal: Principal | None, address: str, *, signed: bool = False) -> None:
        """Count the call; raises Refusal (429) where the caller has to wait."""
        if principal is not None:
            program = bool(principal.client) and CallerRole.SYSTEM in principal.roles
            caller, rate = principal.subject, self._rates.program if program else self._rates.person
        else:
            caller, rate = f"\0{address}", self._rates.program if signed else self._rates.unknown
        if wait := self._buckets.take(caller, rate):
            raise Refusal(
                429,
                "too_many_requests",
                f"you have called more often than {rate.per_second:g} times a second",
                f"wait {wait} s and send it again",
                headers={"Retry-After": str(wait)},
            )

    async def _by_token(self, token: str) -> Principal:
        try:
            claims = await self.issuer.access_token(token, self.rules.audience)
            principal = self.rules.principal(claims)
        except (TokenRefused, ClaimsRefused) as refused:
            raise unidentified(f"the token is refused: {refused}", error="invalid_token") from refused
        except IssuerUnreachable as unreachable:
            raise issuer_unreachable(unreachable) from unreachable
        await self._meet(principal)
        return principal

    async def _meet(self, principal: Principal) -> None:
        """Keep the name under which others see what they decide, once for each process."""
        described = (principal.name, principal.email)
        if self._met.get(principal.subject) == described:
            return
        await self._ledger.people.met(principal.subject, *described, self.now())
        self._met[principal.subject] = described
        if len(self._met) > _MET_MAX:
            self._met.popitem(last=False)


def _description(principal: Principal) -> dict[str, Any]:
    """What a session keeps of its person."""
    return {
        "name": principal.name,
        "email": principal.email,
        "roles": tuple(sorted(principal.roles)),
        "offices": tuple(sorted(principal.offices)),
        "known_as": tuple(sorted(principal.known_as)),
        "plants": None if principal.plants is None else tuple(sorted(principal.plants)),
    }


def unidentified(detail: str, *, error: str = "") -> Refusal:
    """401: nobody who is known calls."""
    challenge = 'Bearer realm="pegline"' + (f', error="{error}"' if error else "")
    return Refusal(
        401,
        "not_logged_in",
        detail,
        "people log in at /login; programs send an access token of the issuer: Authorization: Bearer …",
        field="Authorization",
        headers={"WWW-Authenticate": challenge},
    )


def issuer_unreachable(unreachable: IssuerUnreachable) -> Refusal:
    """503: nobody can be identified now."""
    return Refusal(
        503,
        "issuer_unreachable",
        f"the log-in service can't be asked: {unreachable}",
        "try again in a minute; an administrator finds its address in PEGLINE_OIDC_ISSUER",
        headers={"Retry-After": "30"},
    )


def _csrf_token(session_id: str) -> str:
    return hmac.new(session_id.encode(), b"pegline csrf", hashlib.sha256).hexdigest()


__all__ = ["Access", "CallRates", "issuer_unreachable", "unidentified"]
