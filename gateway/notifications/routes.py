"""Notifications for operators: deliveries, their replay, the subscriptions; and the schemas of what is sent."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from canonical.base import Instant
from canonical.notification import (
    MailSubscription,
    NotificationType,
    SubscriptionName,
    WebhookSubscription,
)
from gateway.access.principal import Principal, PrincipalPart, Right
from gateway.event_schemas import SENT, data_schema
from gateway.intake.events import KNOWN_TYPES
from gateway.paging import After, Limit, Listed, listed
from gateway.parts import PartsPart
from gateway.problems import Refusal, not_found, problem_responses
from gateway.requests import PlainRoute
from ledger.notifications.deliveries import DeliveryState, DueDelivery, SwitchedOff


class DeliveryView(BaseModel):
    """A delivery and how its last attempt ended; what it says is at the entity's own address."""

    id: int
    subscription: str
    event_id: str
    type: NotificationType
    entity: str
    plant: str
    state: DeliveryState
    attempts: int
    due_at: Instant
    detail: str
    created_at: Instant
    settled_at: Instant | None


class SubscriptionView(BaseModel):
    """Who is told; addresses of people and paths of URLs are not shown."""

    name: str
    channel: str = Field(description="webhook or mail")
    to: str = Field(description="The host, or how many people")
    types: list[NotificationType] = Field(description="Empty: all")
    plants: list[str] = Field(description="Empty: all")
    roles: list[str]
    digest: bool
    prices: bool
    waiting: int
    dead: int
    switched_off_since: Instant | None = None
    switched_off_reason: str = ""


class SubscriptionsView(BaseModel):
    """All subscriptions."""

    items: list[SubscriptionView]
    faults: list[str] = Field(description="Why the newest edit of the file is not in force; empty: it is")


routes = APIRouter(prefix="/v1", tags=["Notifications"], route_class=PlainRoute)
_LIST = "list them: GET /v1/deliveries?state=dead"


@routes.get(
    "/deliveries", summary="Notifications on their way, the newest first", responses=problem_responses(400, 403)
)
async def list_deliveries(
    parts: PartsPart,
    principal: PrincipalPart,
    state: Annotated[DeliveryState | None, Query(description="All of them where left out")] = None,
    subscription: Annotated[SubscriptionName | None, Query()] = None,
    limit: Limit = 50,
    after: After = None,
) -> Listed[DeliveryView]:
    principal.require(Right.OPERATE)
    page = await parts.ledger.deliveries.list(
        state=state, subscription=subscription, plants=principal.plants, limit=limit, after=after
    )
    query = {"state": state, "subscription": subscription, "limit": limit}
    return listed("/v1/deliveries", query, [_view(each) for each in page.items], page.next)


@routes.get("/deliveries/{id}", summary="One delivery", responses=problem_responses(403, 404))
async def read_delivery(parts: PartsPart, principal: PrincipalPart, id: int) -> DeliveryView:
    principal.require(Right.OPERATE)
    found = await parts.ledger.deliveries.find(id) if 0 < id < 2**63 else None
    if found is None or not principal.sees(found.plant):
        raise not_found("delivery", str(id), _LIST)
    return _view(found)


@routes.post("/deliveries/{id}/replay", summary="Send it anew", responses=problem_responses(403, 404, 409))
async def replay(parts: PartsPart, principal: PrincipalPart, id: int) -> DeliveryView:
    """With all attempts, and the same message id: a receiver that has it already can tell. One that still waits is due
    at its own time. 409: its subscription is switched off or gone.
    """
    principal.require(Right.OPERATE)
    found = await read_delivery(parts, principal, id)
    subscription = parts.telling.subscriptions().named(found.subscription) if parts.telling else None
    if subscription is None:
        raise Refusal(
            409,
            "no_subscription",
            f"there is no subscription {found.subscription!r} any more",
            "add it to the file of the subscriptions, then replay",
            field="subscription",
            value=found.subscription,
        )
    off = {each.subscription: each.address for each in await parts.ledger.deliveries.switched_off()}
    if isinstance(subscription, WebhookSubscription) and off.get(subscription.name) == subscription.url:
        raise Refusal(
            409,
            "switched_off",
            f"subscription {subscription.name!r} is switched off: its address answered that it is gone",
            "correct its URL, or switch it on: POST /v1/subscriptions/{name}/switch-on",
            field="subscription",
            value=subscription.name,
        )
    await parts.ledger.deliveries.replay(id)
    return await read_delivery(parts, principal, id)


@routes.get("/subscriptions", summary="Who is told", responses=problem_responses(403))
async def list_subscriptions(parts: PartsPart, principal: PrincipalPart) -> SubscriptionsView:
    """Those that are about one of the caller's plants, or about all."""
    principal.require(Right.OPERATE)
    if parts.telling is None:
        return SubscriptionsView(items=[], faults=[])
    counts = await parts.ledger.deliveries.counts()
    off = {each.subscription: each for each in await parts.ledger.deliveries.switched_off()}
    return SubscriptionsView(
        items=[
            _subscription(
                each,
                counts.get((each.name, DeliveryState.WAITING), 0),
                counts.get((each.name, DeliveryState.DEAD), 0),
                off.get(each.name),
            )
            for each in parts.telling.subscriptions().all
            if _sees(principal, each)
        ],
        faults=list(parts.telling.faults()),
    )


@routes.post("/subscriptions/{name}/switch-on", summary="Send to it again", responses=problem_responses(403, 404))
async def switch_on(parts: PartsPart, principal: PrincipalPart, name: str) -> SubscriptionsView:
    """What was given up meanwhile is not sent by itself: replay it."""
    principal.require(Right.OPERATE)
    known = parts.telling.subscriptions().named(name) if parts.telling else None
    if known is None or not _sees(principal, known):
        raise not_found("subscription", name, "list them: GET /v1/subscriptions")
    await parts.ledger.deliveries.switch_on(name)
    return await list_subscriptions(parts, principal)


@routes.get("/event-schemas", summary="The types of events that come in and go out")
async def list_schemas(principal: PrincipalPart) -> dict[str, str]:
    principal.require(Right.READ)
    return {type: f"/v1/event-schemas/{type}" for type in (*KNOWN_TYPES, *SENT)}


@routes.get(
    "/event-schemas/{type}",
    summary="The JSON Schema of a type's data",
    responses=problem_responses(403, 404),
)
async def read_schema(principal: PrincipalPart, type: str) -> JSONResponse:
    principal.require(Right.READ)
    try:
        schema = data_schema(type)
    except KeyError:
        raise not_found("event type", type, "list them: GET /v1/event-schemas") from None
    return JSONResponse(schema, media_type="application/schema+json")


def _sees(principal: Principal, subscription: WebhookSubscription | MailSubscription) -> bool:
    return not subscription.plants or bool(principal.only(subscription.plants))


def _view(delivery: DueDelivery) -> DeliveryView:
    return DeliveryView(**{name: getattr(delivery, name) for name in DeliveryView.model_fields})


def _subscription(
    subscription: WebhookSubscription | MailSubscription, waiting: int, dead: int, off: SwitchedOff | None
) -> SubscriptionView:
    mail = isinstance(subscription, MailSubscription)
    gone = off if isinstance(subscription, WebhookSubscription) and off and off.address == subscription.url else None
    return SubscriptionView(
        name=subscription.name,
        channel="mail" if mail else "webhook",
        to=f"{len(subscription.to)} address(es)" if isinstance(subscription, MailSubscription) else _host(subscription),
        types=list(subscription.types),
        plants=list(subscription.plants),
        roles=list(subscription.roles) if isinstance(subscription, MailSubscription) else [],
        digest=subscription.digest if isinstance(subscription, MailSubscription) else False,
        prices=subscription.prices,
        waiting=waiting,
        dead=dead,
        switched_off_since=gone.since if gone else None,
        switched_off_reason=gone.reason if gone else "",
    )


def _host(subscription: WebhookSubscription) -> str:
    return urlsplit(subscription.url).hostname or ""


__all__ = ["DeliveryView", "SubscriptionView", "list_subscriptions", "replay", "routes", "switch_on"]
