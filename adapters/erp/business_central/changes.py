"""Which of Business Central's orders changed: by subscription (webhooks) where it offers that, else by asking.

Decided here: Microsoft's list of resources with webhooks leaves purchase orders out, and some environments have them
all the same, so the environment is asked. A subscription ends after three days and is renewed well before; making and
renewing it wants the subscriber's address to answer with the `validationToken`. A notification names orders by id, or a
`collection`, which means to ask again since its moment; it is held back for half a minute and merged, and one that was
not taken may be lost with the subscription, so that what changed is asked for since the last time all the same, less
often. Not decided here: when this is called, and who listens at the address.
"""

import datetime as dt
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote

import httpx

from adapters.erp.business_central.api import STANDARD, CompanyApi, EntityChanged, Row, literal
from adapters.erp.business_central.settings import CentralSettings
from adapters.erp.exact_json import loads
from adapters.errors import PermanentError, TransientError, UnreadableMessage
from canonical.order import Refused

RENEW_BEFORE = dt.timedelta(days=1)
"""A subscription that ends within this time is renewed; it lasts three days."""
RESOURCE = "purchaseOrders"
_SUPPORTED = "api/microsoft/runtime/beta"
_OF_ORDER = re.compile(r"/purchaseOrders\(([0-9a-fA-F-]{36})\)$")
_SINCE = re.compile(r"lastModifiedDateTime gt ([0-9T:.Z+-]+)")
_NOTIFICATIONS_MAX = 10_000


class ChangesSubscription(NamedTuple):
    """A subscription that is in force; `until`: when it ends unless it is renewed."""

    id: str
    until: dt.datetime


class ChangesNotified(NamedTuple):
    """What a notification says: the orders that changed, by Business Central's id, and since when to ask again.

    A deleted order is among them: it can't be read any more, and its number is not told.
    """

    ids: frozenset[str]
    since: dt.datetime | None = None
    """The earliest moment of a `collection`; None: there was none."""


class BusinessCentralChanges:
    """Subscribes, reads notifications, and says which orders changed."""

    def __init__(self, http: httpx.AsyncClient, settings: CentralSettings, *, system: str = "erp") -> None:
        self._api = CompanyApi(http, system, settings.company, at_once=settings.at_once)

    async def offers_subscriptions(self) -> bool:
        """Whether the environment notifies of orders; False: ask for what changed, regularly."""
        path = self._api.path("webhookSupportedResources", _SUPPORTED)
        names = {str(row.get("resource")) for row in await self._api.read(path)}
        return f"v2.0/{RESOURCE}" in names

    async def subscribed(self, url: str, client_state: str, now: dt.datetime) -> ChangesSubscription:
        """Have a subscription for this address that lasts for another day; made, renewed or left as it is.

        Raises PermanentError where Business Central will not have it, such as for an address that does not answer.
        """
        path = f"{STANDARD}/subscriptions"
        resource = f"/{STANDARD}/companies({self._api.company})/{RESOURCE}"
        body = {"notificationUrl": url, "resource": resource, "clientState": client_state}
        for row in await self._api.read(path):
            if str(row.get("resource")).lstrip("/") != resource.lstrip("/") or row.get("notificationUrl") != url:
                continue
            held = self._subscription(row)
            if held.until - now > RENEW_BEFORE and row.get("clientState") == client_state:
                return held
            try:
                refused = await self._api.change(
                    f"{path}({literal(held.id)})", body, etag=str(row["@odata.etag"]), key=f"renew/{held.id}"
                )
            except EntityChanged as error:
                raise TransientError(self._api.system, f"subscription {held.id} was renewed meanwhile") from error
            if refused is not None:
                raise self._no(refused)
            return await self._again(path, held.id)
        made = await self._api.create(path, body, key=f"subscribe/{url}", must_have="subscriptionId")
        if isinstance(made, Refused):
            raise self._no(made)
        return self._subscription(made)

    async def numbers(self, notified: ChangesNotified) -> Sequence[str]:
        """The numbers of the orders that a notification is about, as far as they are still there."""
        found: set[str] = set()
        for identity in sorted(notified.ids):
            found |= {number for number, _ in await self._changed(f"id eq {identity}")}
        if notified.since is not None:
            found |= {number for number, _ in await self.changed_since(notified.since)}
        return sorted(found)

    async def changed_since(self, moment: dt.datetime) -> Sequence[tuple[str, str]]:
        """Number and time of change of the orders changed since (inclusive): the first question of the next time."""
        text = moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return await self._changed(f"lastModifiedDateTime ge {text}")

    async def _changed(self, where: str) -> list[tuple[str, str]]:
        def shape(rows: list[Row]) -> list[tuple[str, str]]:
            return sorted((str(row["number"]), str(row["lastModifiedDateTime"])) for row in rows)

        return await self._api.read_as(
            shape, self._api.path(RESOURCE), filter=where, select="id,number,lastModifiedDateTime"
        )

    async def _again(self, path: str, identity: str) -> ChangesSubscription:
        for row in await self._api.read(path):
            if row.get("subscriptionId") == identity:
                return self._subscription(row)
        raise TransientError(self._api.system, f"subscription {identity} is gone after it was renewed")

    def _subscription(self, row: Row) -> ChangesSubscription:
        try:
            return ChangesSubscription(str(row["subscriptionId"]), _moment(str(row["expirationDateTime"])))
        except (KeyError, ValueError) as error:
            raise PermanentError(self._api.system, f"a subscription can't be read: {str(row)[:200]}") from error

    def _no(self, refused: Refused) -> PermanentError:
        step = "its address must answer 200 with the validationToken that comes in the query"
        return PermanentError(self._api.system, f"no subscription: {refused.reason}; {step}")


def validation_token(query: Mapping[str, str]) -> str | None:
    """What to answer a handshake with, as text and status 200; None: the call is no handshake."""
    return query.get("validationToken") or query.get("validationtoken")


def read_notification(body: bytes, client_state: str) -> ChangesNotified:
    """What a notification says. Raises UnreadableMessage; one that does not carry our `client_state` is not ours."""
    try:
        value = loads(body.removeprefix(b"\xef\xbb\xbf"))["value"]
        rows = [dict(row) for row in value[:_NOTIFICATIONS_MAX]]
    except (ValueError, TypeError, KeyError) as error:
        raise _unreadable(f"no list of notifications: {error}") from error
    if any(not hmac.compare_digest(str(row.get("clientState") or ""), client_state) for row in rows):
        raise _unreadable("clientState is not the one that was given to the subscription")
    ids: set[str] = set()
    moments: list[dt.datetime] = []
    for row in rows:
        resource = unquote(str(row.get("resource") or ""))
        if row.get("changeType") == "collection":
            moments.append(_since(resource, str(row.get("lastModifiedDateTime") or "")))
        elif found := _OF_ORDER.search(resource):
            ids.add(found.group(1))
    return ChangesNotified(frozenset(ids), min(moments, default=None))


def _since(resource: str, modified: str) -> dt.datetime:
    """The moment since which to ask: that of the filter, else of the notification less half an hour."""
    try:
        if found := _SINCE.search(resource):
            return _moment(found.group(1))
        return _moment(modified) - dt.timedelta(minutes=30)
    except ValueError as error:
        raise _unreadable(f"a collection without a moment: {resource[-80:]}") from error


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _unreadable(detail: str) -> UnreadableMessage:
    return UnreadableMessage("notification", detail, "compare the subscription in Business Central with the settings")


__all__ = [
    "RENEW_BEFORE",
    "BusinessCentralChanges",
    "ChangesNotified",
    "ChangesSubscription",
    "read_notification",
    "validation_token",
]
