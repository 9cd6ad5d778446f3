"""The suppliers behind the gateway: their books, and what they do when a document reaches them.

Decided here: which documents are new, repeated or stale; what is promised and remembered; what is sent when. Not
decided here: what a document looks like (documents) and what is promised of a line (behaviours).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from simulators.books import Clock
from simulators.edi.behaviours import Rule, Rules, promise, promise_again
from simulators.edi.documents import (
    LinePromise,
    OrderLine,
    OrderText,
    ScheduleLine,
    answer,
    application_error,
    control,
    despatch,
    plain,
    read_order,
    read_reminder,
)
from simulators.edi.holdings import Held, unsent
from simulators.edi.syntax import BadInterchange, Interchange, Message, Written, compose, parse
from simulators.keeping import Shelf
from simulators.outbox import Outbox


class AnotherDocument(Exception):
    """A key that stands for one document came with another."""


class Suppliers:
    """All suppliers behind one EDI gateway."""

    def __init__(
        self, outbox: Outbox, clock: Clock, channel: str, answer_after_seconds: float, shelf: Shelf | None = None
    ) -> None:
        self.outbox = outbox
        self.clock = clock
        self.channel = channel
        self.answer_after_seconds = answer_after_seconds
        self.rules = Rules()
        self.orders: dict[str, Held] = {}
        self.counts = {"received": 0, "duplicates": 0, "refused": 0, "stale": 0, "reminders": 0}
        self.counts |= {"rejected": 0, "acknowledgements": 0}
        self.rejections: dict[str, int] = {}
        """By order: how many of its documents were rejected."""
        self.answers: dict[str, tuple[bytes, dict[str, Any]]] = {}
        """By Idempotency-Key and by interchange: which document it was, and how it was answered."""
        self._numbers = 0
        self.shelf = shelf or Shelf()
        self.shelf.entries("orders", self.orders)
        self.shelf.entries("answers", self.answers)
        self.shelf.whole("rules", lambda: self.rules, lambda kept: setattr(self, "rules", kept))
        self.shelf.whole("counts", lambda: self.counts, self.counts.update)
        self.shelf.whole("rejections", lambda: self.rejections, self.rejections.update)
        self.shelf.whole("numbers", lambda: self._numbers, lambda kept: setattr(self, "_numbers", kept))

    @asynccontextmanager
    async def lifespan(self, _: object = None) -> AsyncIterator[None]:
        """Be the gateway's lifespan: what a former one promised and had not begun to answer is answered."""
        async with self.outbox.lifespan():
            for held in self.orders.values():
                begun = {sent["revision"] for sent in held.sent}
                if held.promises and held.waiting is None and held.promised_revision not in begun:
                    self.answer_now(held)
            yield

    def receive(self, body: bytes, key: str | None) -> tuple[dict[str, Any], bool]:
        """Take a document in; returns the answer, and whether it was answered before.

        Raises BadInterchange, and AnotherDocument where key or control reference were used for another one.
        """
        try:
            if key and (before := self._answered(f"Idempotency-Key {key}", body)):
                return before, True
            interchange = parse(body)
            known_as = f"interchange {interchange.reference} of {interchange.sender}"
            if before := self._answered(known_as, body):
                return before, True
            readings = [self._understand(message, interchange) for message in interchange.messages]
        except (BadInterchange, AnotherDocument):
            self.counts["refused"] += 1
            raise
        done = [self._process(*reading) for reading in readings]
        statement = {"interchange": interchange.reference, "messages": done}
        self.counts["received"] += len(done)
        self.answers[known_as] = body, statement
        if key:
            self.answers[f"Idempotency-Key {key}"] = body, statement
        return statement, False

    def _answered(self, known_as: str, body: bytes) -> dict[str, Any] | None:
        if known_as not in self.answers:
            return None
        earlier, statement = self.answers[known_as]
        if earlier != body:
            raise AnotherDocument(f"{known_as} was used for another document")
        self.counts["duplicates"] += 1
        return statement

    def _understand(
        self, message: Message, interchange: Interchange
    ) -> tuple[str, OrderText | Held | None, Interchange]:
        """Read a message and check it against the books, before anything is processed."""
        if message.kind == "CONTRL":
            return message.kind, None, interchange
        if message.kind == "OSTENQ":
            return message.kind, self._known(read_reminder(message)), interchange
        if message.kind not in ("ORDERS", "ORDCHG"):
            raise BadInterchange(
                f"{message.kind or 'a message of no type'}: ORDERS, ORDCHG, OSTENQ and CONTRL are read"
            )
        text = read_order(message)
        if message.kind == "ORDCHG":
            self._known(text.order)
        elif text.order in self.orders and self.orders[text.order].first != text:
            raise BadInterchange(f"order {text.order} is held already, with other contents; send an ORDCHG")
        return message.kind, text, interchange

    def _known(self, order: str) -> Held:
        if order not in self.orders:
            raise BadInterchange(f"order {order} is not known here")
        return self.orders[order]

    def _process(self, kind: str, about: OrderText | Held | None, interchange: Interchange) -> dict[str, Any]:
        if about is None:
            self.counts["acknowledgements"] += 1
            return {"type": kind, "order": "", "done": "counted"}
        self.shelf.touch("orders", about.text.order if isinstance(about, Held) else about.order)
        if isinstance(about, Held):
            self.counts["reminders"] += 1
            self._remind(about)
            return {"type": kind, "order": about.text.order, "done": "reminded"}
        held = self.orders.get(about.order)
        if self._acknowledged(about, held, interchange):
            self.counts["rejected"] += 1
            return {"type": kind, "order": about.order, "revision": about.revision, "done": "rejected"}
        if held is None:
            buyer = interchange.sender
            held = self.orders[about.order] = Held(len(self.orders) + 1, about, about, buyer, [about.revision])
            self._answer_first(held)
            done = "taken"
        elif about.is_change and about.revision > held.text.revision:
            self._change(held, about)
            done = "changed"
        else:
            self.counts["stale"] += 1
            held.stale_documents += 1
            done = "held already"
        return {"type": kind, "order": about.order, "revision": about.revision, "done": done}

    def _acknowledged(self, text: OrderText, held: Held | None, interchange: Interchange) -> bool:
        """Acknowledge a document where a rule says so; returns whether it was rejected."""
        nth = held.nth if held else len(self.orders) + 1
        rule = self.rules.of_order(text, nth)
        if rule is None or rule.behaviour not in ("acknowledge", "reject_syntax", "reject_application"):
            return False
        taken = rule.behaviour == "acknowledge"
        before = self.rejections.get(text.order, 0)
        if not taken and rule.times is not None and before >= rule.times:
            return False
        self.rejections[text.order] = before + (not taken)
        by = held or Held(nth, text, text, interchange.sender)
        number = self._next_number("AK")
        if rule.behaviour == "reject_application":
            segments = application_error(number, text, "an item of the order is not sold any more", self.clock.now())
            body = self._compose(by, "APERAK", segments, number)
        else:
            segments = control(interchange.reference, interchange.sender, text.supplier, taken=taken)
            body = self._compose(by, "CONTRL", segments, number)
        self._post(by, [("acknowledgement" if taken else "rejection", body)])
        return not taken

    def _answer_first(self, held: Held) -> None:
        rule = self.rules.of_order(held.text, held.nth)
        if rule and rule.behaviour == "silent_until_reminded":
            held.waiting = "silent"
            return
        self._promise(held)
        self._send_answer(held, rule)

    def _change(self, held: Held, text: OrderText) -> None:
        before = held.text, list(held.promises.values())
        held.former = before if held.promises else None
        held.text = text
        held.revisions.append(text.revision)
        rule = self.rules.of_order(text, held.nth)
        if held.waiting == "silent" or (rule and rule.behaviour == "silent_until_reminded"):
            held.waiting = "silent"
            return
        self._promise(held)
        self._send_answer(held, rule)

    def _promise(self, held: Held) -> None:
        """Decide what is promised of every line, by the rules and by what was promised before."""
        before, text = held.promises, held.text
        held.promises = {}
        for line in text.lines:
            rule = None if text.expedite else self.rules.of_line(text, held.nth, line)
            if line.line in before and rule is None:
                held.promises[line.line] = promise_again(line, before[line.line], text.expedite)
            elif line.deleted:
                held.promises[line.line] = LinePromise(line)
            else:
                held.promises[line.line] = promise(line, rule)
            shipped = held.shipped.get(line.line, Decimal(0))
            if shipped > sum((part.quantity for part in held.promises[line.line].schedule_lines), Decimal(0)):
                # What has left can't be called back: it is answered as a changed line.
                held.promises[line.line] = LinePromise(
                    replace(line, deleted=False), (ScheduleLine(shipped, line.date),)
                )
        held.promised_revision = text.revision

    def _send_answer(self, held: Held, rule: Rule | None) -> None:
        behaviour = rule.behaviour if rule else None
        promises = list(held.promises.values())
        bodies: list[tuple[str, bytes]] = []
        if behaviour == "answer_old_revision" and held.former:
            text, former = held.former
            bodies.append(("answer to the former revision", self._ordrsp(held, text, former)))
        heading_only = behaviour == "accept_header_only" and all(each.as_ordered for each in promises)
        broken = behaviour == "unreadable"
        held.waiting = "unreadable" if broken else None
        own = behaviour == "own_line_numbers"
        body = self._ordrsp(
            held, held.text, promises, heading_only=heading_only, wrong_counts=broken, own_line_numbers=own
        )
        bodies.append(("answer with wrong counts" if broken else "answer", body))
        if behaviour == "answer_twice":
            bodies.append(("the same answer again", body))
        self._post(held, bodies)

    def _ordrsp(
        self,
        held: Held,
        text: OrderText,
        promises: Sequence[LinePromise],
        *,
        heading_only: bool = False,
        wrong_counts: bool = False,
        own_line_numbers: bool = False,
    ) -> bytes:
        number = self._next_number("OA")
        segments = answer(number, text, promises, self.clock.now(), heading_only, own_line_numbers)
        return self._compose(held, "ORDRSP", segments, number, wrong_counts)

    def _compose(
        self, held: Held, kind: str, segments: Sequence[Written], number: str, wrong_counts: bool = False
    ) -> bytes:
        now = self.clock.now()
        return compose(
            segments,
            kind=kind,
            sender=held.text.supplier,
            recipient=held.buyer,
            day_and_time=(f"{now:%y%m%d}", f"{now:%H%M}"),
            reference=number,
            wrong_counts=wrong_counts,
        )

    def _next_number(self, prefix: str) -> str:
        self._numbers += 1
        return f"{prefix}{self._numbers:08d}"

    def _post(self, held: Held, bodies: Sequence[tuple[str, bytes]]) -> None:
        self.outbox.start(self._deliver(held, bodies))

    async def _deliver(self, held: Held, bodies: Sequence[tuple[str, bytes]]) -> None:
        for what, body in bodies:
            await asyncio.sleep(self.answer_after_seconds)
            sent: dict[str, Any] = {"what": what, "revision": held.text.revision}
            held.sent.append(sent)
            self.shelf.touch("orders", held.text.order)
            delivery = await self.outbox.deliver(
                f"order {held.text.order}: {what}",
                f"/v1/suppliers/{self.channel}/messages",
                "application/edifact",
                body,
            )
            sent |= {"delivery": delivery.number, "state": delivery.state, "document": body.decode("iso8859-1")}
            self.shelf.touch("orders", held.text.order)

    def _remind(self, held: Held) -> None:
        held.reminders += 1
        if held.waiting == "silent":
            self._promise(held)
        self.answer_now(held)

    def answer_now(self, held: Held) -> None:
        """Answer an order readably, once more where it was answered already."""
        if not held.promises:
            self._promise(held)
        held.waiting = None
        self.shelf.touch("orders", held.text.order)
        self._post(held, [("answer", self._ordrsp(held, held.text, list(held.promises.values())))])

    async def despatch(
        self, orders: Iterable[str] | None, until: date | None, backorders_on: date | None
    ) -> list[dict[str, Any]]:
        """Send what was promised and not yet sent: a despatch advice for each order and day of arrival.

        `until`: only what was promised up to this day. `backorders_on`: backordered quantities arrive on this day;
        without it they stay. Raises KeyError for an unknown order.
        """
        chosen = [self.orders[order] for order in orders] if orders is not None else list(self.orders.values())
        made: list[dict[str, Any]] = []
        for held in chosen:
            for day, lines in sorted(unsent(held, backorders_on).items()):
                if until is None or day <= until:
                    made.append(await self._send_despatch(held, day, lines))
        return made

    async def _send_despatch(self, held: Held, day: date, lines: list[tuple[OrderLine, Decimal]]) -> dict[str, Any]:
        number = self._next_number("DA")
        segments = despatch(number, held.text, lines, day, self.clock.now())
        body = self._compose(held, "DESADV", segments, number)
        record: dict[str, Any] = {
            "despatch": number,
            "order": held.text.order,
            "date": day.isoformat(),
            "lines": [
                {"line": line.line, "item": line.item, "quantity": plain(quantity), "unit": line.unit}
                for line, quantity in lines
            ],
        }
        for line, quantity in lines:
            held.shipped[line.line] = held.shipped.get(line.line, Decimal(0)) + quantity
        held.despatches.append(record)
        self.shelf.touch("orders", held.text.order)
        delivery = await self.outbox.deliver(
            f"order {held.text.order}: despatch {number}",
            f"/v1/suppliers/{self.channel}/messages",
            "application/edifact",
            body,
        )
        record["state"] = delivery.state
        self.shelf.touch("orders", held.text.order)
        return record

    def books(self) -> dict[str, Any]:
        """Return everything the suppliers know."""
        return {
            "gateway": self.outbox.gateway_url,
            "channel": self.channel,
            "under_way": self.outbox.under_way,
            "counts": self.counts,
            "orders": {number: held.view() for number, held in sorted(self.orders.items())},
            "deliveries": [delivery.view() for delivery in self.outbox.deliveries],
        }
