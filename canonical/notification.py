"""Notifications: what Pegline tells others of, who has subscribed, and what each notification says.

Decided here: the content of the events that go out (design: CloudEvents with a JSON Schema a type), and whom a
subscription means. Not here: when one is written (ledger.notifications) and how it is sent (gateway.notifications).
"""

import base64
import ipaddress
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from canonical.base import Code, Criticality, Day, Instant, Model, Money, OrderQuantity, Quantity
from canonical.exception import Choice, ExceptionKind
from canonical.identity import ExceptionId, OrderId, RequirementId
from canonical.supply import ScheduleLine


class NotificationType(StrEnum):
    """The CloudEvents type of what goes out."""

    EXCEPTION_OPENED = "pegline.exception.opened.v1"
    EXCEPTION_ESCALATED = "pegline.exception.escalated.v1"
    EXCEPTION_CLOSED = "pegline.exception.closed.v1"
    COVERAGE_CHANGED = "pegline.coverage.changed.v1"
    ORDER_SENT = "pegline.order.sent.v1"
    DIGEST = "pegline.digest.v1"
    """By mail alone: what waits for a role. Nobody subscribes to it by type."""


class Notice(Model):
    """What every notification says."""

    plant: Code
    link: str | None = Field(None, description="The page about it, under PEGLINE_GATEWAY_URL; it decides nothing")

    def without_prices(self) -> Self:
        """The same without prices, values and free texts that may name them."""
        return self


class QuestionNotice(Notice):
    """A question that a person has to decide."""

    exception: ExceptionId
    kind: ExceptionKind
    rule: str = ""
    assignee: str = Field(description="Who is asked now: a role or its delegate")
    on_behalf_of: str | None = None
    item: Code | None = None
    supplier: Code | None = None
    order_number: str | None = None
    quantity: Quantity | None = None
    short_quantity: Quantity | None = None
    unit: str = ""
    available_on: Day | None = None
    working_days_late: int = 0
    latest_safe_date: Day | None = None
    criticality: Criticality
    digest: str = Field(description="Of the proposal; a decision on another one is refused")
    opened_at: Instant
    summary: str | None = Field(None, description="In the buyer's words; only where the subscription gets prices")
    value: Money | None = Field(None, description="Only where the subscription gets prices")
    currency: str = ""

    def without_prices(self) -> Self:
        """The summary goes as well: it may quote a price, or a supplier who names one."""
        return self.model_copy(update={"summary": None, "value": None, "currency": ""})


class ExceptionOpened(QuestionNotice):
    """A question was opened."""


class ExceptionEscalated(QuestionNotice):
    """Nobody has decided yet (R16): the one who is asked is reminded, or the next role is asked."""

    step: Literal["reminded", "escalated"]


class ExceptionClosed(QuestionNotice):
    """A question was decided, or what it was about went away. Who decided is not sent: the page says it."""

    outcome: Literal["decided", "overtaken"]
    choice: Choice | None = None


class CoverageChangedNotice(Notice):
    """The supply that serves a requirement is another one now."""

    requirement: RequirementId
    item: Code
    source: str
    demand_reference: str
    stage: str
    needed: Quantity
    unit: str
    required_date: Day
    from_stock: Quantity
    coverage: tuple[ScheduleLine, ...] = Field(description="As a whole: it replaces what was sent before")


class SentLine(Model):
    """A line of an order as sent."""

    line: int
    item: Code
    quantity: OrderQuantity
    unit: str
    delivery_date: Day
    cancelled: bool
    price: str | None = Field(None, description="Only where the subscription gets prices")


class OrderSent(Notice):
    """A revision of an order was sent to its supplier."""

    order: OrderId
    order_number: str | None
    supplier: Code
    supplier_name: str = ""
    revision: int
    changed_lines: tuple[int, ...] = Field(description="The lines that the revision changes; empty: the first one")
    lines: tuple[SentLine, ...]
    currency: str = ""

    def without_prices(self) -> Self:
        """Its lines without prices."""
        lines = tuple(line.model_copy(update={"price": None}) for line in self.lines)
        return self.model_copy(update={"lines": lines, "currency": ""})


class Digest(Notice):
    """What waits for the roles of a subscription at a plant on a day, the most urgent first."""

    day: Day
    questions: tuple[QuestionNotice, ...]
    waiting: int
    """All that wait; the list may be shorter."""

    def without_prices(self) -> Self:
        """Its questions without them."""
        return self.model_copy(update={"questions": tuple(each.without_prices() for each in self.questions)})


NOTICES: dict[NotificationType, type[Notice]] = {
    NotificationType.EXCEPTION_OPENED: ExceptionOpened,
    NotificationType.EXCEPTION_ESCALATED: ExceptionEscalated,
    NotificationType.EXCEPTION_CLOSED: ExceptionClosed,
    NotificationType.COVERAGE_CHANGED: CoverageChangedNotice,
    NotificationType.ORDER_SENT: OrderSent,
    NotificationType.DIGEST: Digest,
}

SubscriptionName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
MailAddress = Annotated[
    str,
    Field(max_length=254, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$"),
]
"""ASCII alone, without a display name: nothing in it can become a second header or recipient."""


class Subscription(Model):
    """Somebody who is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: SubscriptionName
    types: tuple[NotificationType, ...] = ()
    """Empty: all."""
    plants: tuple[Code, ...] = ()
    """Empty: all."""
    prices: bool = False
    """Whether prices, values and the summaries that may name them are sent."""

    @field_validator("types")
    @classmethod
    def _no_digest(cls, types: tuple[NotificationType, ...]) -> tuple[NotificationType, ...]:
        if NotificationType.DIGEST in types:
            raise ValueError("a digest is asked for by `digest = true`")
        return types

    def wants(self, type: NotificationType, notice: Notice) -> bool:
        """Whether this notification is sent to it."""
        return (not self.types or type in self.types) and self.at(notice.plant)

    def at(self, plant: str) -> bool:
        """Whether it is about the plant."""
        return not self.plants or plant in self.plants


class WebhookSubscription(Subscription):
    """A program that gets CloudEvents, signed (Standard Webhooks)."""

    url: Annotated[str, Field(max_length=2000, pattern=r"^https?://[^\s/@?#]+(?:/[^\s#]*)?$")]
    secrets: Annotated[tuple[SecretStr, ...], Field(min_length=1, max_length=4)]
    """Each signs: while a secret is replaced, the receiver may check with the old or the new one."""

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        """TLS, but for this machine and private networks; no link-local address, where clouds keep their secrets."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            inside = "." not in host
        else:
            if address.is_link_local or address.is_multicast or address.is_unspecified:
                raise ValueError(f"{host} is no address that a receiver can have")
            inside = address.is_private
        if parts.scheme == "http" and not inside:
            raise ValueError("http is for private addresses and names without a dot; use https")
        return url

    @field_validator("secrets")
    @classmethod
    def _long_enough(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in secrets:
            if len(key_of(secret.get_secret_value())) < 24:
                raise ValueError("a secret is whsec_ and at least 24 random bytes in base64")
        return secrets


class MailSubscription(Subscription):
    """People who get mail."""

    to: Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=50)]
    types: tuple[NotificationType, ...] = (NotificationType.EXCEPTION_ESCALATED,)
    """What is sent at once."""
    roles: tuple[str, ...] = ()
    """Whose questions they are told of; empty: everybody's. A delegate's questions count for the role, too."""
    digest: bool = False
    """Each working day, once the office is open, one mail with what waits."""
    office_hours: bool = True
    """Whether what is not escalated waits until the office is open."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.types and not self.digest:
            raise ValueError("name types, or ask for a digest")
        return self

    def wants(self, type: NotificationType, notice: Notice) -> bool:
        """Whether this notification is sent to it at once."""
        if type not in self.types or not self.at(notice.plant):
            return False
        if isinstance(notice, QuestionNotice) and self.roles:
            return notice.assignee in self.roles or notice.on_behalf_of in self.roles
        return True


def key_of(secret: str) -> bytes:
    """The bytes of a Standard Webhooks secret; ValueError where it is none."""
    plain = secret.removeprefix("whsec_")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


class Subscriptions(Model):
    """All subscriptions; none: nothing is written and nothing is sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    webhooks: tuple[WebhookSubscription, ...] = ()
    mails: tuple[MailSubscription, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [each.name for each in self.all]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two subscriptions are named {', '.join(sorted(twice))}")
        return self

    @property
    def all(self) -> tuple[WebhookSubscription | MailSubscription, ...]:
        """Webhooks and mails."""
        return (*self.webhooks, *self.mails)

    def named(self, name: str) -> WebhookSubscription | MailSubscription | None:
        """The one of this name."""
        return next((each for each in self.all if each.name == name), None)

    def told(self, type: NotificationType, notice: Notice) -> list[str]:
        """The names of those who are told of it."""
        return [each.name for each in self.all if each.wants(type, notice)]
