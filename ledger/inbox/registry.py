"""The registry: guards the requirements' identities and the order of their events durably (R1, R10).

Decided here: how a need or withdrawal relates to earlier records. Not here: what the requirement does about it
(decisions), and the matching of needs without a stable reference.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import Text, any_, bindparam, func, or_, select, tuple_, union
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.base import Model
from canonical.event_data import PegData
from canonical.identity import OrderId, RequirementId
from canonical.need import Need, Peg, Withdrawal
from canonical.plan import PlanLine, PlanStage
from canonical.records import OrderSnapshot, RequirementSnapshot, RequirementStage
from canonical.supply import CoverageChanged, ScheduleLine, ScheduleLineState
from ledger.consolidation.tables import SupplyRequestRow
from ledger.database import autocommit, transaction
from ledger.events.chains import counts
from ledger.plan_runs.tables import PlanRunRow
from ledger.snapshots.tables import OrderLineRow, OrderRecord, RequirementRecord

Rank = tuple[int, int, float, str]
_COMPACT = json.JSONEncoder(separators=(",", ":")).encode


class Newness(StrEnum):
    """How a message relates to earlier records."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    STALE = "stale"
    REOPEN = "reopen"
    """The requirement has ended, and the plan now asks for something else."""
    UNKNOWN_WITHDRAWAL = "unknown_withdrawal"


class Classification(Model):
    """The classification; for a reopening also the coverage that is kept and the former run's last event count."""

    outcome: Newness
    detail: Literal["", "seen", "older"] = ""
    """For a stale message: whether this same revision was already registered, or a newer one."""
    kept: tuple[CoverageChanged, ...] = ()
    next_sequence: int = 1


class OrderRef(Model):
    """An order by its number, and the system that holds it."""

    order_id: OrderId
    closed: bool
    supplier: str
    plant: str
    erp: str


@dataclass(frozen=True)
class _Known:
    """The newest known state of a requirement; `content` None: only withdrawals are known."""

    rank: Rank
    content: str | None
    withdrawn: bool
    closed: bool = False


class Registry:
    """Classifies and registers planned needs and withdrawals."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def classify(self, needs: Sequence[Need | Withdrawal]) -> dict[str, Classification]:
        """The classification of each message by its event id, as if those before it in the call had been registered.

        ValueError where two messages of the call carry the same event id.
        """
        if len({message.revision.event_id for message in needs}) < len(needs):
            raise ValueError("two messages carry the same event id; triage them in calls of their own")
        async with autocommit(self._engine) as connection:
            known, snapshots = await _known(connection, {message.id for message in needs})
            planned = await _newest_plans(connection, {(message.source, message.plant) for message in needs})
            outcomes: dict[str, Classification] = {}
            reopened: dict[str, RequirementSnapshot] = {}
            for message in needs:
                before = known.get(message.id)
                overtaken = message.revision.plan_version < planned.get((message.source, message.plant), 0)
                classification = (
                    Classification(outcome=Newness.STALE, detail="older") if overtaken else _judge(message, before)
                )
                outcomes[message.revision.event_id] = classification
                known[message.id] = _after(message, before, classification.outcome)
                if classification.outcome is Newness.REOPEN:
                    reopened[message.revision.event_id] = snapshots[message.id]
            outcomes |= await _with_former_runs(connection, reopened)
        return outcomes

    async def register(self, needs: Sequence[Need | Withdrawal]) -> None:
        """Register revisions as delivered (or as without effect); one older than the registered one changes nothing."""
        if not needs:
            return
        # By id, so that concurrent calls never deadlock; by rank, since each row is compared with the last.
        in_order = sorted(needs, key=lambda message: (message.id, message.revision.rank))
        async with transaction(self._engine) as connection:
            await connection.execute(_REGISTER, [_registered(message) for message in in_order])

    async def orders_of(self, order_number: str) -> list[OrderRef]:
        """The orders that ERPs and suppliers know by this number: one in each ERP at most."""
        async with autocommit(self._engine) as connection:
            return [_ref(row) for row in await connection.execute(_BY_NUMBER, {"order_number": order_number})]

    async def open_orders(self, erp: str) -> dict[str, OrderRef]:
        """The open orders that are in an ERP, by the number there."""
        wanted = select(OrderRecord.order_number, *_ORDER).where(
            OrderRecord.erp == erp, OrderRecord.closed.is_(False), OrderRecord.order_number.is_not(None)
        )
        async with autocommit(self._engine) as connection:
            return {row.order_number: _ref(row) for row in await connection.execute(wanted)}

    async def orders_of_requisition(self, requisition_number: str) -> list[OrderRef]:
        """The orders that came of the requisition, with or without a number yet: one in each system at most."""
        async with autocommit(self._engine) as connection:
            found = await connection.execute(_BY_REQUISITION, {"requisition_number": requisition_number})
            return [_ref(row) for row in found]

    async def order_that_sent(self, reference: str) -> OrderRef | None:
        """The order that sent a document with this reference to its supplier."""
        async with autocommit(self._engine) as connection:
            row = (await connection.execute(_BY_DOCUMENT, {"reference": [reference]})).one_or_none()
        return None if row is None else _ref(row)


def _ref(row: Any) -> OrderRef:
    return OrderRef(order_id=OrderId(row.id), closed=row.closed, supplier=row.supplier, plant=row.plant, erp=row.erp)


_ORDER = (OrderRecord.id, OrderRecord.closed, OrderRecord.supplier, OrderRecord.plant, OrderRecord.erp)
_BY_DOCUMENT = select(*_ORDER).where(OrderRecord.sent_references.contains(bindparam("reference", type_=ARRAY(Text))))
_BY_NUMBER = select(*_ORDER).where(OrderRecord.order_number == bindparam("order_number")).order_by(OrderRecord.erp)
_BY_REQUISITION = (
    select(*_ORDER).where(OrderRecord.requisition_number == bindparam("requisition_number")).order_by(OrderRecord.erp)
)
"""Built once: building them costs more than running them."""


def _register_newer() -> Insert:
    record = RequirementRecord
    statement = insert(record).values(registered_at=func.now())
    given = statement.excluded
    newer = tuple_(
        given.registered_plan_version,
        given.registered_source_revision,
        given.registered_effective_at,
        given.registered_event_id,
    ) > tuple_(
        record.registered_plan_version,
        record.registered_source_revision,
        record.registered_effective_at,
        record.registered_event_id,
    )
    return statement.on_conflict_do_update(
        index_elements=[record.id],
        set_={
            "registered_plan_version": given.registered_plan_version,
            "registered_source_revision": given.registered_source_revision,
            "registered_effective_at": given.registered_effective_at,
            "registered_event_id": given.registered_event_id,
            "registered_content": func.coalesce(given.registered_content, record.registered_content),
            "registered_withdrawn": given.registered_withdrawn,
            "registered_at": given.registered_at,
        },
        where=or_(record.registered_plan_version.is_(None), newer),
    )


_REGISTER = _register_newer()


_KNOWN = select(RequirementRecord.__table__).where(RequirementRecord.id == any_(bindparam("ids", type_=ARRAY(Text))))
_NEWEST_PLANS = (
    select(PlanRunRow.source, PlanRunRow.plant, func.max(PlanRunRow.version))
    .where(tuple_(PlanRunRow.source, PlanRunRow.plant).in_(bindparam("planners", expanding=True)))
    .where(PlanRunRow.stage == PlanStage.DONE, ~PlanRunRow.partial)
    .group_by(PlanRunRow.source, PlanRunRow.plant)
)


async def _newest_plans(
    connection: AsyncConnection, planners: Collection[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """By source and plant, the newest complete plan that was processed: it holds for every need, also for those it
    repeated unchanged, which are registered with an older version (R10).
    """
    found = await connection.execute(_NEWEST_PLANS, {"planners": list(planners)})
    return {(source, plant): version for source, plant, version in found}


def _judge(message: Need | Withdrawal, known: _Known | None) -> Classification:
    """R10, then the first lines of R3: staleness comes first, then whether the content differs."""
    if known is not None and message.revision.rank <= known.rank:
        return Classification(outcome=Newness.STALE, detail="seen" if message.revision.rank == known.rank else "older")
    never_requested = known is None or known.content is None
    if isinstance(message, Withdrawal):
        if never_requested:
            return Classification(outcome=Newness.UNKNOWN_WITHDRAWAL)
        assert known is not None
        return Classification(outcome=Newness.UNCHANGED if known.withdrawn else Newness.CHANGED)
    if known is None or never_requested:
        return Classification(outcome=Newness.NEW)
    if not known.withdrawn and known.content == content_digest(message):
        return Classification(outcome=Newness.UNCHANGED)
    return Classification(outcome=Newness.REOPEN if known.closed else Newness.CHANGED)


def _after(message: Need | Withdrawal, known: _Known | None, outcome: Newness) -> _Known:
    """The known state once the message is registered."""
    if outcome is Newness.STALE and known is not None:
        return known
    closed = known is not None and known.closed and outcome is not Newness.REOPEN
    if isinstance(message, Withdrawal):
        return _Known(message.revision.rank, known.content if known else None, withdrawn=True, closed=closed)
    return _Known(message.revision.rank, content_digest(message), withdrawn=False, closed=closed)


def content_digest(need: Need) -> str:
    """A digest of what matters to a need's coverage: quantity, unit, date, pegs and sourcing rule; not its revision or
    planner.
    """
    return line_digest(need, need.demand_reference)


def line_digest(reported: Need | PlanLine, reference: str) -> str:
    """The content digest of a plan line's need under a reference, without building the need."""
    pegging: Sequence[Peg | PegData] = reported.pegging
    if not pegging:  # as Need.pegs has it: the need itself
        pegging = (Peg(demand=reference, quantity=reported.quantity, date=reported.required_date),)
    pegs = [
        [
            peg.demand,
            str(peg.quantity.normalize()),
            peg.date.isoformat(),
            peg.criticality,
            *([peg.assembly or "", peg.customer] if peg.customer else filter(None, [peg.assembly])),
        ]
        for peg in pegging
    ]
    content = [
        str(reported.quantity.normalize()),
        reported.unit,
        reported.required_date.isoformat(),
        sorted(pegs),
        reported.sourcing_rule,
    ]
    return hashlib.sha256(_COMPACT(content).encode()).hexdigest()


async def _known(
    connection: AsyncConnection, ids: set[RequirementId]
) -> tuple[dict[str, _Known], dict[str, RequirementSnapshot]]:
    """The registered state of each requirement, or the one it recorded itself where the registration was lost."""
    known: dict[str, _Known] = {}
    snapshots: dict[str, RequirementSnapshot] = {}
    for row in await connection.execute(_KNOWN, {"ids": list(ids)}):
        recorded = registered = None
        if row.snapshot is not None:
            snapshots[row.id] = row.snapshot
            recorded = _recorded(row.snapshot)
        if row.registered_plan_version is not None:
            rank = (
                int(row.registered_plan_version),
                int(row.registered_source_revision),
                row.registered_effective_at.timestamp(),
                row.registered_event_id,
            )
            registered = _Known(rank, row.registered_content, row.registered_withdrawn, closed=bool(row.closed))
        if newest := _newer(registered, recorded):
            known[row.id] = newest
    return known, snapshots


def _recorded(snapshot: RequirementSnapshot) -> _Known:
    need = snapshot.need
    withdrawn = snapshot.stage is RequirementStage.WITHDRAWN
    return _Known(need.revision.rank, content_digest(need), withdrawn, closed=snapshot.closed)


def _newer(registered: _Known | None, recorded: _Known | None) -> _Known | None:
    if registered is None or recorded is None:
        return registered or recorded
    if registered.rank == recorded.rank:
        return replace(registered, content=recorded.content, withdrawn=registered.withdrawn or recorded.withdrawn)
    newest = max(registered, recorded, key=lambda known: known.rank)
    return replace(newest, content=newest.content or recorded.content)


async def _with_former_runs(
    connection: AsyncConnection, reopened: Mapping[str, RequirementSnapshot]
) -> dict[str, Classification]:
    """The reopenings, with the kept coverage and event counts of the former runs."""
    if not reopened:
        return {}
    ids = {snapshot.id for snapshot in reopened.values()}
    counted = await counts(connection, ids)
    # Only the consolidation batch names all requirements of a shared line.
    serving = union(
        *(
            select(row.requirement_id, row.order_id).where(row.requirement_id.in_(ids))
            for row in (OrderLineRow, SupplyRequestRow)
        )
    ).subquery()
    served = await connection.execute(
        select(serving.c.requirement_id, OrderRecord.snapshot).join(OrderRecord, OrderRecord.id == serving.c.order_id)
    )
    orders: dict[str, dict[str, OrderSnapshot]] = {}
    for requirement, order in served:
        orders.setdefault(requirement, {})[order.id] = order
    former = {}
    for event_id, snapshot in reopened.items():
        former[event_id] = Classification(
            outcome=Newness.REOPEN,
            kept=kept_coverage(snapshot, [order for _, order in sorted(orders.get(snapshot.id, {}).items())]),
            next_sequence=counted.get(snapshot.id, 0) + 1,
        )
    return former


def kept_coverage(snapshot: RequirementSnapshot, orders: Sequence[OrderSnapshot]) -> tuple[CoverageChanged, ...]:
    """The received schedule lines of the requirement's last coverage, order by order; `orders`: those that serve or
    served it.

    The quantity is the one reported to the requirement; the orders' records only allocate it, since a lot's surplus
    went to stock and is netted there. `sequence` 0: any later report of an order replaces it.
    """
    left = [part for part in snapshot.coverage if part.state is ScheduleLineState.RECEIVED]
    kept: list[CoverageChanged] = []
    for order in orders:
        room = None if order is orders[-1] else _received_of(order, snapshot)
        taken, left = _take(left, room)
        if taken:
            kept.append(
                CoverageChanged(
                    order_id=order.id,
                    sequence=0,
                    as_of=snapshot.need.revision.effective_at,
                    supplier=order.supplier,
                    order_number=order.order_number,
                    order_revision=order.revision,
                    request_revision=snapshot.request_revision,
                    schedule_lines=tuple(taken),
                    closed=order.closed,
                )
            )
    return tuple(kept)


def _received_of(order: OrderSnapshot, snapshot: RequirementSnapshot) -> Decimal:
    return sum((line.received_for(snapshot.id) for line in order.lines), Decimal(0))


def _take(schedule_lines: list[ScheduleLine], room: Decimal | None) -> tuple[list[ScheduleLine], list[ScheduleLine]]:
    """The schedule lines that fit into the quantity left (None: all), and the rest."""
    taken: list[ScheduleLine] = []
    left: list[ScheduleLine] = []
    for part in schedule_lines:
        quantity = part.quantity if room is None else min(part.quantity, room)
        if quantity > 0:
            taken.append(part.model_copy(update={"quantity": quantity}))
        if part.quantity > quantity:
            left.append(part.model_copy(update={"quantity": part.quantity - quantity}))
        room = None if room is None else room - quantity
    return taken, left


def _registered(message: Need | Withdrawal) -> dict[str, object]:
    return {
        "id": message.id,
        "plant": message.plant,
        "item": message.item,
        "source": message.source,
        "demand_reference": message.demand_reference,
        "registered_plan_version": message.revision.plan_version,
        "registered_source_revision": message.revision.source_revision,
        "registered_effective_at": message.revision.effective_at,
        "registered_event_id": message.revision.event_id,
        "registered_content": content_digest(message) if isinstance(message, Need) else None,
        "registered_withdrawn": isinstance(message, Withdrawal),
    }
