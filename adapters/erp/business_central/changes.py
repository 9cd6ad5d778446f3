"""Which of Business Central's orders changed: by subscription (webhooks) where it offers that, else by asking.

Decided here: Microsoft's list of resources with webhooks leaves purchase orders out, and some environments have them
all the same, so the environment is asked. A subscription ends after three days and is renewed well before; making and
renewing it wants the subscriber's address to answer with the `validationToken`. A notification is held back for half a
minute and merged, names orders by id or not at all, and one that was not taken may be lost with the subscription: so it
says no more than that it is time to ask what changed since the last time. Not decided here: when this is called, and
who listens at the address (gateway.intake.notices).
"""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import httpx

from adapters.erp.business_central.api import STANDARD, CompanyApi, EntityChanged, Row, literal
from adapters.erp.business_central.settings import CentralSettings
from adapters.errors import PermanentError, TransientError
from canonical.order import Refused

RENEW_BEFORE = dt.timedelta(days=1)
"""A subscription that ends within this time is renewed; it lasts three days."""
RESOURCE = "purchaseOrders"
_NUMBERS_MAX = 40
"""Orders in one question: its address stays below 2,000 characters."""
_SUPPORTED = "api/microsoft/runtime/beta"


class ChangesSubscription(NamedTuple):
    """A subscription that is in force; `until`: when it ends unless it is renewed."""

    id: str
    until: dt.datetime


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

    async def changed_since(self, moment: dt.datetime) -> Sequence[tuple[str, str]]:
        """Number and time of change of the orders changed since (inclusive): the first question of the next time."""
        text = moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return await self._changed(f"lastModifiedDateTime ge {text}")

    async def there(self, numbers: Sequence[str]) -> set[str]:
        """Those of the orders that are there."""
        found: set[str] = set()
        for start in range(0, len(numbers), _NUMBERS_MAX):
            where = " or ".join(f"number eq {literal(each)}" for each in numbers[start : start + _NUMBERS_MAX])
            found |= {number for number, _ in await self._changed(where)}
        return found

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
            return ChangesSubscription(str(row["subscriptionId"]), read_moment(str(row["expirationDateTime"])))
        except (KeyError, ValueError) as error:
            raise PermanentError(self._api.system, f"a subscription can't be read: {str(row)[:200]}") from error

    def _no(self, refused: Refused) -> PermanentError:
        step = "its address must answer 200 with the validationToken that comes in the query"
        return PermanentError(self._api.system, f"no subscription: {refused.reason}; {step}")


def read_moment(text: str) -> dt.datetime:
    """A moment as Business Central writes it. Raises ValueError."""
    moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


__all__ = ["RENEW_BEFORE", "BusinessCentralChanges", "ChangesSubscription", "read_moment"]
