"""Orders in Tryton: purchases, from the draft to what is still to come.

Decided here: a purchase has no requisition before it (Tryton lets no program create a purchase request), so its own
number stands for both; a purchase that Tryton will not quote or confirm is deleted again; a warning, which Tryton puts
to a person, is a refusal. Confirmed prices are frozen. Purchases are found by `reference`, which is not unique: see
adapters.erp.placing. How a processed purchase is changed is in steps.py.
"""

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from adapters.erp import edits
from adapters.erp.parts import LINE_GONE
from adapters.erp.placing import Ensuring
from adapters.erp.remote import Items, NotWritable, RemoteDocument
from adapters.erp.settle_policy import SettlePolicy
from adapters.erp.tryton.codes import Codes
from adapters.erp.tryton.purchases import Purchase, purchases
from adapters.erp.tryton.rpc import DoesNotFit, TrytonRpc, exact
from adapters.erp.tryton.steps import Cancel, Deliveries, Ignore, Rewrite, Split, Step, Stuck, next_step
from adapters.errors import PermanentError, TransientError
from canonical.order import (
    ChangeOutcome,
    DocumentLine,
    DuplicateDocuments,
    Edited,
    OrderDocument,
    OrderSchedule,
    Placed,
    PlaceOutcome,
    Refused,
    WriteOutcome,
    Written,
)
from canonical.policy import RouteKind

OURS = "PL"
"""How every reference of ours begins (canonical.identity.external_reference)."""
_STEPS_MAX = 500


class TrytonErp:
    """Implements adapters.ports.ErpPort and DuplicateSweepPort."""

    def __init__(
        self,
        rpc: TrytonRpc,
        settle_policy: SettlePolicy,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._rpc = rpc
        self._codes = Codes(rpc)
        self._settle_policy = settle_policy
        self._now = now
        self._placing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
        """Create one purchase for the document and confirm it, or go on with what is there."""
        if document.route is not RouteKind.DIRECT:
            return self._refused("route", f"orders of the kind {document.route} are not written to Tryton")
        one_at_a_time = self._placing.setdefault(document.reference, asyncio.Lock())
        async with one_at_a_time:
            try:
                return await self._place(document, maybe_written)
            except NotWritable as error:
                return self._refused(error.code, str(error))

    async def _place(self, document: OrderDocument, maybe_written: bool) -> PlaceOutcome:
        deadline = self._settle_policy.deadline()

        async def look() -> list[RemoteDocument]:
            return [one.document() for one in await self._found(document.reference)]

        there = await look()
        body = {} if there else await self._body(document)
        ensuring = Ensuring(
            self._rpc.system, document.reference, "order", look, partial(self._create, body), self._settle_policy
        )
        ensured = await ensuring.run(there, maybe_written, deadline)
        if isinstance(ensured.document, Refused):
            return ensured.document
        living = [one for one in await self._found(document.reference) if not one.document().deleted]
        if not living:
            raise TransientError(
                self._rpc.system, f"order {document.reference} was created and can't be read yet", maybe_written=True
            )
        refused = await self._advance(living[0])
        if refused is not None:
            return refused
        for spare in living[1:]:
            await self._must_be_gone(spare)
        found = next(one for one in await self._found(document.reference) if one.id == living[0].id)
        return Placed(
            requisition_number=found.name,
            order_number=found.name,
            found_existing=ensured.was_there,
            duplicates=tuple(one.name for one in living[1:]),
        )

    async def _found(self, reference: str) -> list[Purchase]:
        return await purchases(self._rpc, [["reference", "=", reference]])

    async def _body(self, document: OrderDocument) -> dict[str, Any]:
        """The purchase as Tryton takes it. Raises DoesNotFit."""
        codes = self._codes
        party = await codes.one("party.party", "code", document.supplier, "supplier")
        warehouse = await codes.one("stock.location", "code", document.plant, "warehouse", ["type", "=", "warehouse"])
        defaults = await codes.supplier(party)
        if defaults.get("invoice_address") is None:
            raise DoesNotFit(f"supplier {document.supplier!r} has no address in Tryton")
        return {
            "company": await codes.company(),
            "party": party,
            "reference": document.reference,
            "warehouse": warehouse,
            "currency": await codes.one("currency.currency", "code", document.currency, "currency"),
            "purchase_date": document.order_date,
            **{
                name: defaults[name]
                for name in ("invoice_address", "payment_term", "invoice_method")
                if name in defaults
            },
            "lines": [["create", [await self._line(line, party) for line in document.lines]]],
        }

    async def _line(self, line: DocumentLine, party: int) -> dict[str, Any]:
        product = await self._codes.one("product.product", "code", line.item, "product")
        defaults = await self._codes.product(product, party)
        price = (line.price / line.price_unit).quantize(Decimal("0.000000001"))
        if price * line.price_unit != line.price:
            raise DoesNotFit(f"unit_price: {line.price} for {line.price_unit} is no decimal price for one")
        return {
            "type": "line",
            "sequence": line.line,
            "product": product,
            "product_supplier": defaults.get("product_supplier"),
            "taxes": [["add", defaults["taxes"]]] if defaults.get("taxes") else [],
            "description": line.description or line.item,
            "note": line.requirement_reference,
            "unit": await self._codes.unit(line.unit),
            "quantity": exact(line.quantity, "quantity"),
            "unit_price": price.normalize() + 0,
            "delivery_date_edit": True,
            "delivery_date": line.delivery_date,
        }

    async def _create(self, body: dict[str, Any]) -> RemoteDocument | Refused:
        made = await self._rpc.write("model.purchase.purchase.create", [body], context={"company": body["company"]})
        if isinstance(made, Refused):
            return made
        if not (isinstance(made, list) and len(made) == 1 and isinstance(made[0], int)):
            raise TransientError(
                self._rpc.system, f"the create of an order answered {str(made)[:100]}", maybe_written=True
            )
        return RemoteDocument(f"draft {made[0]}", tuple(line["sequence"] for line in body["lines"][0][1]))

    async def _advance(self, purchase: Purchase) -> Refused | None:
        """From the draft to the confirmed and processed purchase, wherever an earlier attempt ended."""
        steps = {"draft": ("quote", "confirm"), "quotation": ("confirm",), "confirmed": ("process",)}
        for button in steps.get(purchase.state, ()):
            refused = await self._press("purchase.purchase", button, [purchase.id])
            if refused is not None:
                await self._undo(purchase)
                return refused
        return None

    async def _undo(self, purchase: Purchase) -> None:
        """Leave no draft of an order that Tryton refuses."""
        await self._press("purchase.purchase", "draft", [purchase.id])
        await self._press("purchase.purchase", "delete", [purchase.id])

    async def _press(self, model: str, button: str, ids: Sequence[int]) -> Refused | None:
        context = {"company": await self._codes.company()}
        answer = await self._rpc.write(f"model.{model}.{button}", list(ids), context=context)
        return answer if isinstance(answer, Refused) else None

    async def _must_be_gone(self, spare: Purchase) -> None:
        if spare.processed:
            outcome: WriteOutcome | None = await self._bring(spare.name, {line.number: {} for line in spare.lines})
        else:
            outcome = await self._press("purchase.purchase", "cancel", [spare.id])
        if isinstance(outcome, Refused):
            step = "cancel it in Tryton"
            raise PermanentError(self._rpc.system, f"{spare.name} is a duplicate and stays: {outcome.reason}; {step}")

    # Changes

    async def change_order(self, document: OrderDocument, *, key: str) -> ChangeOutcome:
        """Bring the lines in `document.changed_lines` to quantity, date and cancellation; prices are frozen."""
        if document.order_number is None:
            step = f"order {document.reference} has no number yet; place it before changing it"
            raise PermanentError(self._rpc.system, step)
        lines = [line for line in document.lines if line.line in document.changed_lines]
        wanted = {one.line: {} if one.cancelled else {one.delivery_date: one.quantity} for one in lines}
        prices = {one.line: one.price / one.price_unit for one in lines if one.written and not one.cancelled}
        edits_in = partial(edits.of_lines, lines=lines, priced=True)
        return await self._brought(document.order_number, edits_in, wanted, prices)

    async def write_schedule(self, schedule: OrderSchedule, *, key: str) -> ChangeOutcome:
        """Bring what is still to come to what was confirmed; Tryton keeps no committed quantities."""
        wanted: dict[int, Deliveries] = {}
        for line in schedule.lines:
            days: defaultdict[dt.date, Decimal] = defaultdict(Decimal)
            for one in () if line.completed else line.schedule:
                days[one.date] += one.quantity
            wanted[line.line] = {day: quantity for day, quantity in days.items() if quantity}
        edits_in = partial(edits.of_schedules, lines=schedule.lines)
        # Where nothing was confirmed, what was ordered stays as it is.
        kept = {line.line for line in schedule.lines if not line.completed and not wanted[line.line]}
        named = {line: days for line, days in wanted.items() if line not in kept}
        return await self._brought(schedule.order_number, edits_in, named, {})

    async def _brought(
        self,
        order: str,
        edits_in: Callable[[Items], list[edits.FieldEdit]],
        wanted: Mapping[int, Deliveries],
        prices: Mapping[int, Decimal],
    ) -> ChangeOutcome:
        """Write what is missing if nobody edited the lines; otherwise report the edits and write nothing."""
        purchase = await self._read(order)
        items = purchase.items()
        edited = edits_in(items)
        if edited:
            at = purchase.changed_at or self._now()
            return Edited(edits=tuple(edit.in_document(order, at) for edit in edited))
        for line, days in wanted.items():
            item = items.get(line)
            if item is None or (days and item.deleted):
                what = "has no such line" if item is None else "has the line deleted"
                return self._refused(LINE_GONE, f"line {line}: the order in Tryton {what}", line)
            if line in prices and item.price != prices[line]:
                reason = (
                    f"line {line}: price {prices[line]} wanted, {item.price} found; Tryton freezes confirmed prices"
                )
                return self._refused("price_frozen", reason, line)
        return await self._bring(order, wanted, purchase)

    async def _read(self, order: str) -> Purchase:
        found = await purchases(self._rpc, [["number", "=", order]])
        if len(found) != 1:
            raise PermanentError(self._rpc.system, f"{len(found)} purchases have the number {order}; look in Tryton")
        if found[0].state == "confirmed":
            await self._advance(found[0])
            found = await purchases(self._rpc, [["number", "=", order]])
        return found[0]

    async def _bring(
        self, order: str, wanted: Mapping[int, Deliveries], purchase: Purchase | None = None
    ) -> WriteOutcome:
        """Write step by step until the purchase holds what is wanted; each step is of the purchase as it then is."""
        writes = 0
        while writes < _STEPS_MAX:
            purchase = purchase or await self._read(order)
            step = next_step(purchase, wanted) if purchase.processed else None
            if step is None:
                return Written(reference=order, writes=writes)
            if isinstance(step, Stuck):
                return self._refused("nothing_open", step.reason, step.line)
            refused = await self._take(step, purchase)
            if refused is not None:
                return refused.model_copy(update={"reason": f"{refused.reason} ({step.told[:300]})"})
            writes, purchase = writes + 1, None
        return self._refused("not_as_written", f"order {order} is not as it was written after {writes} writes")

    async def _take(self, step: Step, purchase: Purchase) -> Refused | None:
        match step:
            case Ignore():
                ids = list(step.moves)
                asked = {"ask": {"recreate_moves": [], "ignore_moves": ids, "domain_moves": ids}}
                wizard = "purchase.handle.shipment.exception"
                return await self._wizard(wizard, "handle", asked, "purchase.purchase", purchase.id)
            case Cancel():
                return await self._press("stock.move", "cancel", [move.id for move in step.moves])
            case Split():
                kept = exact(step.quantity, "quantity")
                start = {"start": {"quantity": kept, "unit": step.unit, "count": 1}}
                return await self._wizard("stock.move.split", "split", start, "stock.move", step.move.id)
            case Rewrite():
                given: list[Any] = []
                for move, day, quantity in step.moves:
                    given += [[move.id], {"planned_date": day, "quantity": exact(quantity, "quantity")}]
                # Whoever changed a move since it was read makes this fail, rather than be overwritten.
                stamps = {f"stock.move,{move.id}": move.timestamp for move, _, _ in step.moves}
                context = {"company": await self._codes.company(), "_timestamp": stamps}
                answer = await self._rpc.write("model.stock.move.write", *given, context=context)
                return answer if isinstance(answer, Refused) else None

    async def _wizard(self, name: str, state: str, data: Mapping[str, Any], model: str, record: int) -> Refused | None:
        company = await self._codes.company()
        context = {"company": company, "active_model": model, "active_id": record, "active_ids": [record]}
        opened = await self._rpc.write(f"wizard.{name}.create", context=context)
        if isinstance(opened, Refused):
            return opened
        if not (isinstance(opened, list) and opened and isinstance(opened[0], int)):
            raise TransientError(self._rpc.system, f"wizard {name} answered {str(opened)[:100]}")
        done = await self._rpc.write(f"wizard.{name}.execute", opened[0], dict(data), state, context=context)
        await self._rpc.write(f"wizard.{name}.delete", opened[0], context=context)
        return done if isinstance(done, Refused) else None

    async def cancel_requisition(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Cancel purchases of our reference that were not confirmed; harmless where there are none."""
        writes = 0
        for purchase in await self._found(document.reference):
            if purchase.state in ("draft", "quotation"):
                refused = await self._press("purchase.purchase", "cancel", [purchase.id])
                if refused is not None:
                    return refused
                writes += 1
        return Written(reference=document.requisition_number or document.reference, writes=writes)

    async def duplicates(self, since: dt.date) -> list[DuplicateDocuments]:
        """Implements adapters.ports.DuplicateSweepPort."""
        first = max(since, dt.date(1990, 1, 1))
        where = [["reference", "like", f"{OURS}%"], ["state", "!=", "cancelled"], ["purchase_date", ">=", first]]
        method = "model.purchase.purchase.search_read"
        rows: list[Any] = await self._rpc.read(method, where, 0, None, [["id", "ASC"]], ["reference"])
        ids: defaultdict[str, list[int]] = defaultdict(list)
        for row in rows:
            ids[str(row["reference"])].append(row["id"])
        found = []
        for reference, several in ids.items():
            if len(several) > 1:
                living = [one for one in await self._found(reference) if not one.document().deleted]
                if len(living) > 1:
                    numbers = tuple(one.name for one in living)
                    found.append(DuplicateDocuments(kind="order", reference=reference, numbers=numbers))
        return found

    def _refused(self, code: str, reason: str, line: int | None = None) -> Refused:
        return Refused(system=self._rpc.system, code=code, reason=reason, line=line)


__all__ = ["TrytonErp"]
