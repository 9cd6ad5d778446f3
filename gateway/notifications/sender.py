"""The notifier: sends what subscribers are told of, at least once, and makes the digests.

Decided here: when an attempt is repeated and when it is given up, what waits for office hours, and when a digest is
made. One gateway of an installation sends at a time (a lease); where two overlap for a moment, the receiver tells by
the message id. One slow subscriber holds up no other.
"""

import asyncio
import datetime as dt
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from adapters.errors import PermanentError, TransientError
from adapters.ports import MailPort, PolicyPort, WebhookPort
from canonical.notification import MailSubscription, NotificationType, Subscriptions, WebhookSubscription
from decisions.calendars import add_business_hours
from gateway.notifications.envelope import cloud_event, notice_of
from gateway.notifications.letters import mail_of
from ledger.ledger import Ledger
from ledger.notifications.deliveries import DueDelivery

logger = logging.getLogger(__name__)

LEASE = "notifier"
_HOUR = dt.timedelta(hours=1)
RETRY_AFTER = (
    dt.timedelta(seconds=5),
    dt.timedelta(minutes=5),
    dt.timedelta(minutes=30),
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
"""The waits after failed attempts, about three days together; after the last attempt it is given up."""
_JITTER = 0.2
"""Waits differ by up to this share, so that what failed together does not come back together."""
KEPT = dt.timedelta(days=30)
"""How long what arrived is kept."""


@dataclass(frozen=True)
class Telling:
    """Who is told, and by what."""

    subscriptions: Callable[[], Subscriptions]
    webhooks: WebhookPort
    mails: MailPort | None = None
    """None: no mail server is set."""
    public_url: str = ""
    """Where people reach the pages; empty: links are left out."""
    faults: Callable[[], Sequence[str]] = tuple
    """Why the newest edit of the subscriptions is not in force."""


@dataclass(frozen=True)
class NotifierPace:
    """The notifier's waits and lease times."""

    poll_seconds: float = 2.0
    lease_seconds: float = 10.0
    batch: int = 50
    at_once: int = 5
    """Concurrent calls to one subscriber."""
    digest_seconds: float = 60.0
    forget_seconds: float = 3600.0


class Notifier:
    """Sends notifications; only one of the processes on a ledger works at a time."""

    def __init__(
        self,
        ledger: Ledger,
        telling: Telling,
        policies: PolicyPort,
        now: Callable[[], dt.datetime],
        pace: NotifierPace | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ledger, self._telling, self._policies = ledger, telling, policies
        self._now, self._pace, self._chance = now, pace or NotifierPace(), chance
        self._work: dict[str, asyncio.Task[None]] = {}
        self._digests_made: set[tuple[str, str, dt.date]] = set()

    async def run(self) -> None:
        """Send until cancelled; a failure of the ledger only makes it wait."""
        loop = asyncio.get_running_loop()
        digests_at = forget_at = loop.time()
        try:
            while True:
                try:
                    if self._telling.subscriptions().all:
                        async with self._ledger.leases.held(LEASE, self._pace.lease_seconds) as lease:
                            while lease is not None and lease.held:
                                if loop.time() >= digests_at:
                                    digests_at = loop.time() + self._pace.digest_seconds
                                    await self.make_digests()
                                if loop.time() >= forget_at:
                                    forget_at = loop.time() + self._pace.forget_seconds
                                    await self._ledger.deliveries.forget(KEPT)
                                await self._begin()
                                await asyncio.sleep(self._pace.poll_seconds)
                except Exception:
                    logger.exception("the notifier could not send; it tries again")
                await asyncio.sleep(self._pace.poll_seconds)
        finally:
            for task in self._work.values():
                task.cancel()
            await asyncio.gather(*self._work.values(), return_exceptions=True)

    async def drain(self) -> None:
        """Send everything that is due now, and return when all of it was tried."""
        await self._begin()
        await asyncio.gather(*self._work.values())
        self._work.clear()

    async def _begin(self) -> None:
        """Begin with each subscriber to whom something is due, and who is not served already."""
        for name in [name for name, task in self._work.items() if task.done()]:
            if (error := self._work.pop(name).exception()) is not None:
                logger.error("what %s is told could not be sent; it is tried again", name, exc_info=error)
        if due := [name for name in await self._ledger.deliveries.subscribers_with_due() if name not in self._work]:
            off = {each.subscription: each.address for each in await self._ledger.deliveries.switched_off()}
            for name in due:
                self._work[name] = asyncio.create_task(self._serve(name, off.get(name)), name=f"notifier {name}")

    async def _serve(self, name: str, gone: str | None) -> None:
        """Send what is due to one subscriber. `gone`: its address that has answered 410."""
        deliveries, subscription = self._ledger.deliveries, self._telling.subscriptions().named(name)
        if subscription is None:
            await deliveries.give_up_all(name, "there is no subscription of this name any more")
            return
        if gone is not None and isinstance(subscription, WebhookSubscription) and gone == subscription.url:
            await deliveries.give_up_all(name, "the subscription is switched off: its address answered 410 Gone")
            return
        places = asyncio.Semaphore(self._pace.at_once if isinstance(subscription, WebhookSubscription) else 1)

        async def attempt(delivery: DueDelivery) -> bool:
            async with places:
                return await self._attempt(delivery, subscription)

        while rows := await deliveries.due(name, self._pace.batch):
            if not any(await asyncio.gather(*map(attempt, rows))):
                return  # nothing arrives there now; the rest is tried with the next look

    async def _attempt(self, delivery: DueDelivery, subscription: WebhookSubscription | MailSubscription) -> bool:
        """One attempt; whether it arrived."""
        deliveries = self._ledger.deliveries
        try:
            if isinstance(subscription, WebhookSubscription):
                return await self._post(delivery, subscription)
            return await self._mail(delivery, subscription)
        except TransientError as error:
            wait = self._wait(delivery.attempts, error.retry_after_seconds)
            if wait is None:
                await deliveries.given_up(delivery, f"given up after {delivery.attempts + 1} attempts: {error}")
            else:
                await deliveries.failed(delivery, str(error), wait)
        except PermanentError as error:
            await deliveries.given_up(delivery, str(error))
        except ValueError as error:
            logger.exception("delivery %s can't be written", delivery.id)
            await deliveries.given_up(delivery, f"it can't be written: {error}"[:500])
        return False

    def _wait(self, attempts: int, asked: float | None) -> dt.timedelta | None:
        """The wait after this attempt, when so many had been made before; None: that was the last."""
        if attempts >= len(RETRY_AFTER):
            return None
        wait = RETRY_AFTER[attempts] * (1 - _JITTER + 2 * _JITTER * self._chance())
        return max(wait, dt.timedelta(seconds=asked)) if asked is not None else wait

    async def _post(self, delivery: DueDelivery, subscription: WebhookSubscription) -> bool:
        deliveries, public_url = self._ledger.deliveries, self._telling.public_url
        notice = notice_of(delivery, prices=subscription.prices, public_url=public_url)
        body = cloud_event(delivery, notice, public_url)
        taken = await self._telling.webhooks.post(
            subscription.url, body, message_id=delivery.event_id, secrets=subscription.secrets
        )
        if taken:
            await deliveries.delivered(delivery)
        else:
            logger.warning("subscription %s is switched off: its address answered 410 Gone", subscription.name)
            await deliveries.switch_off(subscription.name, subscription.url, "its address answered 410 Gone")
            await deliveries.given_up(delivery, "its address answered 410 Gone")
        return taken

    async def _mail(self, delivery: DueDelivery, subscription: MailSubscription) -> bool:
        deliveries, public_url = self._ledger.deliveries, self._telling.public_url
        if self._telling.mails is None:
            raise TransientError("mail", "no mail server is set (PEGLINE_SMTP_HOST)")
        if (opening := self._office_opens(delivery, subscription)) is not None:
            await deliveries.postponed(delivery, opening - self._now())
            return True
        notice = notice_of(delivery, prices=subscription.prices, public_url=public_url)
        refused = await self._telling.mails.send(mail_of(delivery, notice, subscription, public_url))
        await deliveries.delivered(delivery, f"not taken for {refused}" if refused else "")
        return True

    def _office_opens(self, delivery: DueDelivery, subscription: MailSubscription) -> dt.datetime | None:
        """When the plant's office opens, where the mail waits for that; None: it is sent now."""
        if delivery.type is NotificationType.EXCEPTION_ESCALATED or not subscription.office_hours:
            return None
        policy, now = self._policies.effective(delivery.plant), self._now()
        if policy is None:
            return None
        opens = add_business_hours(policy.office, now, Decimal(0))
        return opens if opens > now else None

    async def make_digests(self) -> None:
        """Make the digests of today, of each plant whose office is open, once."""
        now, deliveries = self._now(), self._ledger.deliveries
        for subscription in (each for each in self._telling.subscriptions().mails if each.digest):
            for plant in subscription.plants or self._policies.plants:
                policy = self._policies.effective(plant)
                if policy is None or add_business_hours(policy.office, now, Decimal(0)) > now:
                    continue
                made = (subscription.name, plant, policy.office.day_of(now))
                if made not in self._digests_made and not await deliveries.digest_made(*made):
                    await deliveries.make_digest(*made, roles=subscription.roles, at=now)
                self._digests_made.add(made)


__all__ = ["LEASE", "RETRY_AFTER", "Notifier", "NotifierPace", "Telling"]
