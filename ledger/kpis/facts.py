"""What audit events say of KPIs: the milestones of requirements, orders, questions and incidents, as rows of measures.

A pure fold: the same events give the same rows, whether they come one batch at a time or all at once. A milestone is
the first event of its kind; counts are of events, each of which is given once. Milestones of our own work are by our
clock (processing time); what happened elsewhere (plan published, shipped, received) by the sender's (business time).
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from canonical.records import (
    ChangeSnapshot,
    ExceptionSnapshot,
    OrderSnapshot,
    RequirementSnapshot,
    Snapshot,
    StockSnapshot,
)
from canonical.supply import ScheduleLineState

Row = dict[str, Any]
Data = Mapping[str, Any]


class RecordedKind(NamedTuple):
    """A recorded event, as far as KPIs read it."""

    sequence: int
    kind: str
    business_time: dt.datetime
    processing_time: dt.datetime
    data: Data

    @property
    def at(self) -> int:
        """When it was recorded, in Unix seconds."""
        return int(self.processing_time.timestamp())

    @property
    def effective(self) -> int:
        """When it took effect, in Unix seconds."""
        return int(self.business_time.timestamp())


class LinesAsked(NamedTuple):
    """Lines as the next sending of their order has them."""

    rows: list[Row]


class LinesRevised(NamedTuple):
    """The supplier was sent them as another revision."""

    order_id: str
    lines: list[int]


@dataclass
class Facts:
    """Rows to be merged into the measures, table by table."""

    requirements: dict[str, Row] = field(default_factory=dict)
    """By requirement: of itself, and what an order says of the requirements that it serves."""
    steps: list[LinesAsked | LinesRevised] = field(default_factory=list)
    """What was asked of order lines, and what of it became a revision: in the order of events."""
    lines: dict[tuple[str, int], Row] = field(default_factory=dict)
    """Milestones of order lines, and what came."""
    orders: dict[str, Row] = field(default_factory=dict)
    sendings: list[Row] = field(default_factory=list)
    """Sendings and answers, in the order of events."""
    questions: dict[str, Row] = field(default_factory=dict)
    incidents: list[Row] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)
    """Changes, and decisions about the newest one before: in the order of events."""

    def __bool__(self) -> bool:
        return any(vars(self).values())


REQUIREMENT_KINDS = frozenset(
    {
        "requirement.opened",
        "requirement.changed",
        "requirement.change_suppressed",
        "requirement.fulfilled",
        "requirement.withdrawn",
        "withdrawal.received",
        "bom.changed",
        "sourcing.decided",
        "supply_request.sent",
        "coverage.changed",
        "exception.raised",
        "exception.joined",
        "exception.decided",
        "exception.left",
        "exception.overtaken",
    }
)
ORDER_KINDS = frozenset(
    {
        "consolidation.closed",
        "order.placed",
        "order.changed",
        "order.sent",
        "order.answered",
        "order.closed",
        "order.cancelled",
        "shipment.announced",
        "goods.received",
        "goods.taken_back",
        "document.edited",
        "edit.adopted",
        "edit.undone",
        "exception.decided",
        "change.judged",
    }
)
EXCEPTION_KINDS = frozenset(
    {
        "exception.opened",
        "exception.closed",
        "exception.overtaken",
        "exception.escalated",
        "exception.changed",
        "exception.forwarded",
        "exception.assigned",
        "exception.reopened",
    }
)
INCIDENT_KINDS = frozenset({"incident.opened", "incident.closed"})
KINDS = REQUIREMENT_KINDS | ORDER_KINDS | EXCEPTION_KINDS | INCIDENT_KINDS


def facts_of(snapshot: Snapshot, events: Iterable[RecordedKind]) -> Facts:
    """What the events, in their order, say of an entity whose newest state is the snapshot."""
    facts, known = Facts(), [event for event in events if event.kind in KINDS]
    _incidents(facts, snapshot, [event for event in known if event.kind in INCIDENT_KINDS])
    match snapshot:
        case RequirementSnapshot():
            _requirement(facts, snapshot, [event for event in known if event.kind in REQUIREMENT_KINDS])
        case OrderSnapshot():
            _Order(facts, snapshot).take([event for event in known if event.kind in ORDER_KINDS])
        case ExceptionSnapshot():
            _question(facts, snapshot, [event for event in known if event.kind in EXCEPTION_KINDS])
        case ChangeSnapshot() | StockSnapshot():
            pass
    return facts


def plant_of(snapshot: Snapshot) -> str:
    """The plant of an entity."""
    match snapshot:
        case RequirementSnapshot():
            return snapshot.need.plant
        case OrderSnapshot():
            return snapshot.plant
        case ExceptionSnapshot():
            return snapshot.proposal.plant
        case ChangeSnapshot():
            return snapshot.revised.plant
        case StockSnapshot():
            return snapshot.figure.plant


def _incidents(facts: Facts, snapshot: Snapshot, events: Sequence[RecordedKind]) -> None:
    for event in events:
        facts.incidents.append(
            {
                "entity_id": snapshot.id,
                "call": str(event.data.get("call", "")),
                "sequence": event.sequence,
                "plant": plant_of(snapshot),
                "opened_at": event.at if event.kind == "incident.opened" else None,
                "closed_at": event.at if event.kind == "incident.closed" else None,
            }
        )


# -- requirements


def _requirement(facts: Facts, snapshot: RequirementSnapshot, events: Sequence[RecordedKind]) -> None:
    if not events:
        return
    need = snapshot.need
    late = [
        part
        for part in snapshot.coverage
        if part.date is not None and part.date > need.required_date and part.quantity > 0
    ]
    row: Row = {
        "id": snapshot.id,
        "plant": need.plant,
        "item": need.item,
        "planner": need.planner or "",
        "criticality": need.criticality.value,
        "channel": need.source,
        "policy_version": snapshot.policy_version,
        "required_on": need.required_date.isoformat(),
        "demands": sorted({_number_of(peg.demand) for peg in need.pegs}),
        "late_on": [part.date.isoformat() for part in late if part.date is not None],
        "late_quantities": [str(part.quantity) for part in late],
        "closed": snapshot.closed,
    }
    facts.requirements[snapshot.id] = row
    for event in events:
        _requirement_event(facts, snapshot, row, event)
    if not snapshot.closed:
        row.pop("ended_at", None)


def _requirement_event(facts: Facts, snapshot: RequirementSnapshot, row: Row, event: RecordedKind) -> None:
    data = event.data
    match event.kind:
        case "requirement.opened":
            _first(row, "planned_at", event.effective)
            _first(row, "signal_at", event.at)
        case "sourcing.decided":
            _first(row, "decided_at", event.at)
            outcome, item = _part(data, "outcome"), _part(data, "item")
            row |= {"supplier": str(outcome.get("supplier") or ""), "route": str(outcome.get("route") or "direct")}
            row["item_class"] = str(item.get("item_class") or "")
        case "supply_request.sent":
            _person(row, data)
        case "requirement.changed" | "requirement.change_suppressed" | "withdrawal.received":
            facts.changes.append(_change(snapshot, event, suppressed=event.kind == "requirement.change_suppressed"))
        case "bom.changed":
            _person(row, data)
            changed = _change(snapshot, event, suppressed=False)
            facts.changes.append(changed | {"asked_at": event.at, "decided_at": event.at})
        case "exception.raised" | "exception.joined" | "exception.decided" | "exception.left" | "exception.overtaken":
            if event.kind == "exception.decided":
                _person(row, data)
            facts.changes.append(_about_change(snapshot.id, event.kind, event.at))
        case "requirement.fulfilled" | "requirement.withdrawn":
            row["ended_at"] = event.at
            if event.kind == "requirement.fulfilled":
                row["received_at"] = event.effective


def _change(snapshot: RequirementSnapshot, event: RecordedKind, *, suppressed: bool) -> Row:
    return {
        "requirement_id": snapshot.id,
        "sequence": event.sequence,
        "plant": snapshot.need.plant,
        "criticality": snapshot.need.criticality.value,
        "channel": snapshot.need.source,
        "policy_version": snapshot.policy_version,
        "at": event.at,
        "suppressed": suppressed,
    }


def _about_change(requirement_id: str, kind: str, at: int) -> Row:
    """What a question means for the newest change of its requirement: asked, decided, or gone by itself."""
    if kind in ("exception.raised", "exception.joined"):
        return {"about": requirement_id, "asked": at}
    return {"about": requirement_id, "decided": at} if kind == "exception.decided" else {"about": requirement_id}


# -- orders


class _Order:
    """Folds the events of one order."""

    def __init__(self, facts: Facts, snapshot: OrderSnapshot) -> None:
        self._facts = facts
        self._snapshot = snapshot
        self._dimensions = {
            "plant": snapshot.plant,
            "supplier": snapshot.supplier,
            "route": snapshot.route.value,
            "policy_version": snapshot.policy_version,
        }
        self._serves: dict[int, list[str]] = {
            line.line: [line.requirement_id, *(share.requirement_id for share in line.shares)]
            for line in snapshot.lines
        }
        self._items = {line.line: line.item for line in snapshot.lines}

    def take(self, events: Sequence[RecordedKind]) -> None:
        if not events:
            return
        if any(event.kind == "consolidation.closed" for event in events):
            # The whole of it is here: which lines it has is said by the events, not by a later snapshot.
            self._serves = {}
        for event in events:
            self._event(event)
        order = self._facts.orders.get(self._snapshot.id)
        if order is not None and not self._snapshot.closed:
            order.pop("ended_at", None)

    def _event(self, event: RecordedKind) -> None:
        data, at = event.data, event.at
        match event.kind:
            case "consolidation.closed" | "order.changed":
                self._asked(_parts(data, "lines"), at)
            case "order.placed":
                self._all("placed_at", at)
                self._order["duplicates_created"] = len(data.get("duplicates_cancelled") or ())
                self._order["duplicates_prevented"] = int(bool(data.get("found_existing")))
                _first(self._order, "placed_at", at)
            case "order.sent":
                self._sent(int(data.get("revision") or 0), data.get("changed") or (), at)
            case "order.answered":
                self._answered(data, at)
            case "shipment.announced":
                for each in _parts(data, "lines"):
                    self._milestone(int(each["line"]), "shipped_at", event.effective)
            case "goods.received" | "goods.taken_back":
                self._received(event)
                if event.kind == "goods.taken_back" and not self._snapshot.closed:
                    self._order["closed"] = False  # an order that had ended goes on
            case "document.edited" if not data.get("taken_back"):
                _first(self._order, "edited_at", at)
                self._order["edits"] = self._order.get("edits", 0) + 1
            case "edit.adopted" | "edit.undone" | "exception.decided":
                _person(self._order, data)
                for number in self._serves:
                    _person(self._line(number), data)
            case "order.closed" | "order.cancelled":
                self._order["ended_at"] = at
            case "change.judged":
                self._judged(data, at)

    @property
    def _order(self) -> Row:
        return self._facts.orders.setdefault(
            self._snapshot.id, {"id": self._snapshot.id, **self._dimensions, "closed": self._snapshot.closed}
        )

    def _line(self, number: int) -> Row:
        return self._facts.lines.setdefault((self._snapshot.id, number), self._line_key(number))

    def _line_key(self, number: int) -> Row:
        serves = self._serves.get(number, [])
        return {
            "order_id": self._snapshot.id,
            "line": number,
            "requirement_id": serves[0] if serves else "",
            "item": self._items.get(number, ""),
            **self._dimensions,
        }

    def _asked(self, lines: Sequence[Data], at: int) -> None:
        """Lines as consolidated, or as the next revision has them."""
        rows = []
        for each in lines:
            number = int(each["line"])
            asked = each.get("requirement_ids") or [each.get("requirement_id") or ""]
            self._serves[number] = [str(who) for who in asked]
            quantity = "0" if each.get("cancelled") else str(each.get("quantity") or "0")
            rows.append(self._line_key(number) | {"approved_at": at, "quantity": quantity})
            self._of_requirements(number, "approved_at", at)
        if rows:
            self._facts.steps.append(LinesAsked(rows))

    def _milestone(self, number: int, name: str, at: int) -> None:
        """The first time that a line reached it, and with it the requirements that it serves."""
        _first(self._line(number), name, at)
        self._of_requirements(number, name, at)

    def _of_requirements(self, number: int, name: str, at: int) -> None:
        for requirement in self._serves.get(number, ()):
            if requirement:
                _first(self._facts.requirements.setdefault(requirement, {"id": requirement}), name, at)

    def _all(self, name: str, at: int) -> None:
        for number in self._serves:
            self._milestone(number, name, at)

    def _sent(self, revision: int, changed: Iterable[Any], at: int) -> None:
        numbers = [int(number) for number in changed] or sorted(self._serves)
        for number in numbers:
            self._milestone(number, "sent_at", at)
        if revision > 1:
            self._facts.steps.append(LinesRevised(self._snapshot.id, numbers))
        self._facts.sendings.append(
            {
                "order_id": self._snapshot.id,
                "revision": revision,
                **self._dimensions,
                "sent_at": at,
                "unconfirmed": numbers,
            }
        )

    def _answered(self, data: Data, at: int) -> None:
        answered, confirmed = [], []
        for each in _parts(data, "lines"):
            number, parts = int(each["line"]), _parts(each, "schedule_lines")
            answered.append(number)
            self._milestone(number, "answered_at", at)
            if any(part.get("state") == ScheduleLineState.BACKORDERED for part in parts):
                continue
            confirmed.append(number)
            self._milestone(number, "confirmed_at", at)
            days = [str(part["date"]) for part in parts if part.get("date")]
            if days:
                row = self._line(number)
                row.setdefault("first_promised_on", max(days))
                row["promised_on"] = max(days)
        if answered:
            revision = data.get("revision")
            self._facts.sendings.append(
                {
                    "order_id": self._snapshot.id,
                    "answers": None if revision is None else int(revision),
                    "answered": answered,
                    "confirmed": confirmed,
                    "at": at,
                }
            )

    def _received(self, event: RecordedKind) -> None:
        data = event.data
        if event.kind == "goods.taken_back" and "received" not in data:
            return  # it names a receipt that is not booked yet
        row = self._line(int(data["line"]))
        row["received"] = str(Decimal(row.get("received", "0")) + Decimal(str(data["quantity"])))
        if event.kind == "goods.received":
            row["received_at"] = max(row.get("received_at") or 0, event.effective)
            row["received_on"] = max(row.get("received_on") or "", str(data["date"]))

    def _judged(self, data: Data, at: int) -> None:
        requirement = str(data.get("requirement_id") or "")
        if data.get("decided_by"):
            self._facts.changes.append({"about": requirement, "decided": at})
        elif data.get("waits"):
            self._facts.changes.append({"about": requirement, "asked": at})


# -- questions


def _question(facts: Facts, snapshot: ExceptionSnapshot, events: Sequence[RecordedKind]) -> None:
    if not events:
        return
    proposal = snapshot.proposal
    row: Row = {
        "id": snapshot.id,
        "plant": proposal.plant,
        "supplier": proposal.supplier or "",
        "item": proposal.item or "",
        "criticality": proposal.criticality.value,
        "kind": proposal.kind.value,
        "raised_by": snapshot.raised_by,
        "closed": snapshot.closed,
        "hand_offs": 0,
    }
    for event in events:
        if event.kind == "exception.opened":
            _first(row, "opened_at", event.at)
        elif event.kind in ("exception.closed", "exception.overtaken"):
            row["closed_at"] = event.at
            _person(row, event.data)
        if event.data.get("to"):
            row["hand_offs"] += 1
    if not snapshot.closed:
        row.pop("closed_at", None)
    facts.questions[snapshot.id] = row


# -- values


def _first(row: Row, name: str, at: int) -> None:
    row[name] = min(row.get(name, at), at)


def _person(row: Row, data: Data) -> None:
    who = data.get("decided_by")
    if who:
        row["buyer"] = str(who)


def _part(data: Data, name: str) -> Data:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def _parts(data: Data, name: str) -> list[Data]:
    found = data.get(name)
    return [part for part in found if isinstance(part, Mapping)] if isinstance(found, list | tuple) else []


def _number_of(demand: str) -> int:
    return int.from_bytes(hashlib.blake2b(demand.encode(), digest_size=8).digest(), "big", signed=True)
