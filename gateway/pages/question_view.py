"""A question as its page shows it: facts, demand, ways out, what the supplier said, who is asked and what happened.

Decided here: what is put beside what, and what of it is hidden from those who see no prices. Not here: the wording
(`gateway.pages.question_words`) and what a person may do (`gateway.pages.question`).
"""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote

from pydantic import ValidationError

from canonical.audit_event import AuditEvent
from canonical.bom import ChangeDisposition
from canonical.event_data import ORDER_ANSWERED, SHIPMENT_ANNOUNCED
from canonical.exception import Alternative, Choice, ExceptionKind
from canonical.order import DocumentAcknowledged, LineAnswer, OrderAnswer, ShipmentAnnounced
from canonical.policy import PlantPolicy
from canonical.reason import figure
from canonical.records import ExceptionSnapshot, ExceptionState, OrderSnapshot, RequirementSnapshot
from decisions.approval import needs_reason
from decisions.calendars import working_days_between
from decisions.promises import Chance
from decisions.risk import Risk
from gateway.access.prices import plain, without_prices
from gateway.intake.documents import SUPPLIER_DOCUMENT, stored_content
from gateway.pages.links import page_of
from gateway.pages.question_words import (
    ESCALATIONS,
    KINDS,
    OUTCOMES,
    after,
    cost_of,
    days_left,
    late,
    short_of,
    title_of,
)
from gateway.pages.shell import moment, money
from gateway.pages.work_columns import percent
from gateway.trace.people import subjects_in, with_names
from gateway.trace.reasons import in_words
from ledger.questions.context import QuestionContext, SupplierMessage

MESSAGE_TYPES = (ORDER_ANSWERED, SHIPMENT_ANNOUNCED, SUPPLIER_DOCUMENT)
"""Messages in which a supplier says something of an order."""
_MOVED_MAX = 6
_LIKELY = Decimal("0.5")
_SEEN_ROWS_MAX = 60
_SEEN_LENGTH_MAX = 300


class Link(NamedTuple):
    """A text that may lead somewhere."""

    text: str
    address: str = ""


class Fact(NamedTuple):
    label: str
    value: str
    address: str = ""
    tone: str = ""


_DELIVERED = frozenset({Choice.ACCEPT, Choice.EXPEDITE, Choice.SPLIT})
"""Ways out by which the supplier of the order, or the one named, delivers on the day that is shown."""


@dataclass(frozen=True)
class Way:
    """A way out."""

    key: str
    """As the form sends it."""
    choice: Choice
    supplier: str | None
    title: str
    note: str
    quantity: str
    available_on: str
    late: str
    is_late: bool
    cost: str
    """Empty: not to be seen, or there is none to compare."""
    moves: str
    moved: tuple[Link, ...]
    moved_more: int
    then: str
    reason_needed: bool
    risk: str = ""
    """How likely its date is to hold, where that is known."""
    substitute: str = ""
    """How much of which other item."""


class PeggedDemand(NamedTuple):
    """A pegged demand."""

    name: str
    customer: str
    quantity: str
    day: dt.date
    criticality: str
    assembly: str


class SaidLine(NamedTuple):
    line: str
    parts: tuple[str, ...]
    price: str
    remarks: tuple[str, ...]


class Said(NamedTuple):
    """A message of the supplier's."""

    at: str
    title: str
    lines: tuple[SaidLine, ...]
    remarks: tuple[str, ...]


class WhyAsked(NamedTuple):
    """Why a person is asked: one rule's outcome."""

    rule: str
    why: str
    compared: str
    limits: str
    policy_version: str


class QuestionStep(NamedTuple):
    """Something that happened to the question."""

    at: str
    text: str


class Sharing(NamedTuple):
    """Another requirement with a share in the order, or that waits for the same decision."""

    link: Link
    quantity: str
    day: dt.date | None
    criticality: str
    demands: str
    how: str


class LineToChoose(NamedTuple):
    """A disposition of an engineering change."""

    number: int
    what: str
    quantity: str
    unit: str
    fate: str
    options: tuple[tuple[str, str], ...]
    proposed: str


@dataclass(frozen=True)
class QuestionView:
    """All of it."""

    id: str
    heading: str
    kind: str
    summary: str
    state: str
    criticality: str
    facts: tuple[Fact, ...]
    demands: tuple[PeggedDemand, ...]
    coverage: tuple[str, ...]
    defects: tuple[Any, ...]
    ways: tuple[Way, ...]
    lines: tuple[LineToChoose, ...]
    said: tuple[Said, ...]
    asked: tuple[WhyAsked, ...]
    steps: tuple[QuestionStep, ...]
    next_step: str
    sharing: tuple[Sharing, ...]
    sharing_title: str
    digest: str
    seen: str
    """What can be seen of the proposal, for a comparison after it has changed; JSON."""
    decided: str
    decided_comment: str
    then: str
    undo_until: str

    @property
    def is_open(self) -> bool:
        return self.state == ExceptionState.OPEN


def view_of(
    question: ExceptionSnapshot,
    context: QuestionContext,
    policy: PlantPolicy | None,
    now: dt.datetime,
    *,
    prices: bool,
    names: Mapping[str, str],
    chance_of: Callable[[str], Chance | None] = lambda supplier: None,
    risk: Risk | None = None,
) -> QuestionView:
    """The question with its context, in the plant's time zone; without `prices` nothing shows one.

    `names`: people's names by subject (`people_of`). `chance_of`: how likely a supplier misses the day it promises.
    `risk`: how likely a pegged date is missed as things stand.
    """
    return _Viewer(question, context, policy, now, prices=prices, names=names, chance_of=chance_of, risk=risk).view()


def people_of(question: ExceptionSnapshot, context: QuestionContext) -> set[str]:
    """The subjects of those who did something with the question."""
    return subjects_in(context.events) | ({question.decision.decided_by} if question.decision is not None else set())


class _Viewer:
    def __init__(
        self,
        question: ExceptionSnapshot,
        context: QuestionContext,
        policy: PlantPolicy | None,
        now: dt.datetime,
        *,
        prices: bool,
        names: Mapping[str, str],
        chance_of: Callable[[str], Chance | None],
        risk: Risk | None,
    ) -> None:
        self._question = question
        self._proposal = question.proposal
        self._context = context
        self._calendar = policy.calendar if policy is not None else None
        self._now = now
        self._prices = prices
        self._names = names
        self._chance_of = chance_of
        self._known_risk = risk

    def view(self) -> QuestionView:
        question, proposal = self._question, self._proposal
        ways = tuple(self._way(way) for way in proposal.alternatives)
        facts = tuple(self._facts())
        subject = f" of {proposal.item}" if proposal.item else ""
        return QuestionView(
            id=question.id.removeprefix("exception/"),
            heading=f"{KINDS[proposal.kind]}{subject} at plant {proposal.plant}",
            kind=proposal.kind,
            summary=self._text(proposal.summary),
            state=question.state,
            criticality=proposal.criticality,
            facts=facts,
            demands=tuple(
                PeggedDemand(
                    peg.demand,
                    peg.customer or "",
                    f"{figure(peg.quantity)} {proposal.unit}".strip(),
                    peg.date,
                    peg.criticality,
                    peg.assembly or "",
                )
                for peg in proposal.pegs
            ),
            coverage=tuple(
                f"{figure(part.quantity)} {proposal.unit} {part.state} for {part.date or 'no date'}"
                for part in proposal.coverage
            ),
            defects=proposal.defects,
            ways=ways,
            lines=tuple(self._line(one) for one in proposal.dispositions),
            said=tuple(self._said()),
            asked=tuple(self._asked()),
            steps=tuple(self._steps()),
            next_step=self._next_step(),
            sharing=tuple(self._sharing()),
            sharing_title="Wait for the same decision" if self._context.waiting else "Share the order",
            digest=question.digest,
            seen=json.dumps(self._seen(facts, ways)),
            **self._decision(),
        )

    # -- the question itself

    def _facts(self) -> Iterable[Fact]:
        question, proposal = self._question, self._proposal
        if missing := short_of(proposal):
            yield Fact("Missing", missing, tone="bad")
        requirement = self._context.requirement
        if requirement is not None:
            yield Fact("Needed by", requirement.need.required_date.isoformat(), page_of(requirement.id))
        if proposal.short_quantity is not None:
            complete = proposal.available_on.isoformat() if proposal.available_on else "no date"
            yield Fact("All there on", complete)
            yield Fact("Late by", late(proposal.working_days_late, dated=proposal.available_on is not None))
        elif proposal.kind is ExceptionKind.ENGINEERING_CHANGE and proposal.available_on:
            yield Fact("Effective from", proposal.available_on.isoformat())
        if (known := self._known_risk) is not None:
            tone = "bad" if known.missing >= _LIKELY else ""
            yield Fact("Risk of missing the date", f"{percent(known.missing)}. {known.why}", tone=tone)
        if proposal.latest_safe_date is not None:
            yield self._latest_safe(proposal.latest_safe_date)
        if proposal.item:
            yield Fact("Item", proposal.item, f"/requirements?item={quote(proposal.item)}&plant={proposal.plant}")
        if proposal.supplier:
            yield Fact("Supplier", self._supplier(), f"/suppliers/{quote(proposal.supplier)}")
        if proposal.order_number:
            number, plant = quote(proposal.order_number, safe=""), quote(proposal.plant, safe="")
            yield Fact("Order", proposal.order_number, f"/orders/by-number/{number}?plant={plant}")
        if self._prices and proposal.value:
            yield Fact("Value", money(proposal.value, proposal.currency))
        yield Fact("Asked", self._assignee())
        yield Fact("May decide", " or ".join(proposal.approvers) or question.assignee)
        yield Fact("Open since", self._moment(question.opened_at))

    def _latest_safe(self, day: dt.date) -> Fact:
        calendar = self._calendar
        if calendar is None:
            return Fact("Decide by", day.isoformat())
        left = working_days_between(calendar, calendar.day_of(self._now), day)
        tone = "bad" if left < 0 else "care" if left <= 1 else ""
        return Fact("Decide by", f"{day.isoformat()}, {days_left(left)}", tone=tone)

    def _supplier(self) -> str:
        code = self._proposal.supplier or ""
        name = next((order.supplier_name for order in self._context.orders if order.supplier == code), "")
        return f"{name} ({code})" if name else code

    def _assignee(self) -> str:
        question = self._question
        stands_in = f" for {question.on_behalf_of}, who is out of office" if question.on_behalf_of else ""
        return f"{question.assignee}{stands_in}"

    def _way(self, way: Alternative) -> Way:
        kind = self._proposal.kind
        moves, moved = self._moves(way)
        dated = way.available_on is not None
        timed = kind is ExceptionKind.SHORTAGE
        return Way(
            key=f"{way.choice}/{_which(way)}",
            choice=way.choice,
            supplier=way.supplier,
            title=title_of(kind, way),
            note=self._text(way.note),
            quantity=f"{figure(way.quantity)} {self._proposal.unit}".strip() if way.quantity is not None else "",
            available_on=way.available_on.isoformat() if way.available_on else "no date" if timed else "",
            late=late(way.working_days_late, dated=dated) if timed else "",
            is_late=timed and (way.working_days_late > 0 or not dated),
            cost=cost_of(way) if self._prices and way.currency else "",
            moves=moves,
            moved=tuple(Link(_name(each), page_of(each.id)) for each in moved[:_MOVED_MAX]),
            moved_more=max(0, len(moved) - _MOVED_MAX),
            then=self._text(after(kind, way)),
            reason_needed=needs_reason(kind, way.choice),
            risk=self._risk(way) if timed and dated else "",
            substitute=_substitute(way),
        )

    def _risk(self, way: Alternative) -> str:
        """How likely the supplier who would deliver misses the day, by what it promised and brought so far."""
        if way.choice is Choice.SUBSTITUTE:
            return "No supplier is waited for; that the items are interchangeable is said by the plant's policy"
        supplier = way.supplier or self._proposal.supplier
        if supplier is None or way.choice not in _DELIVERED:
            return ""
        chance = self._chance_of(supplier)
        return f"{chance.percent} that this day is missed: {chance.record}" if chance is not None else ""

    # -- what else moves

    def _moves(self, way: Alternative) -> tuple[str, Sequence[RequirementSnapshot]]:
        """What the way changes for others, and for whom."""
        context, nothing = self._context, ("Nothing else moves.", ())
        if self._proposal.kind is ExceptionKind.ENGINEERING_CHANGE:
            return "The requirements and orders of the lines below.", ()
        if context.waiting:
            return "All that wait for this decision are tried again.", context.requirements
        if context.requirement is None:
            return self._moves_of_order(way) if context.requirements else nothing
        if self._proposal.kind is ExceptionKind.CHANGE_PROPOSAL:
            return nothing
        on_line = self._on_the_same_line(context.requirement)
        match way.choice:
            case Choice.ACCEPT if way.available_on is not None:
                return nothing
            case Choice.SUBSTITUTE:
                return "Nothing at once: its own requirement comes with the plan, and is covered as any other.", ()
            case Choice.RESCHEDULE:
                return "The demand itself, and what is made for it; the planner sees to that.", ()
            case Choice.ACCEPT | Choice.SPLIT | Choice.TRANSFER if on_line:
                return "The order is reduced; who shares its line keeps what was allocated.", on_line
            case Choice.EXPEDITE | Choice.APPROVE if on_line:
                return "They share the line: what is confirmed anew is allocated among them (R11).", on_line
            case Choice.EXPEDITE | Choice.APPROVE if context.requirements:
                return "The order gets a new revision; its other lines keep their dates.", context.requirements
            case Choice.TRANSFER:
                return "No requirement of the other plant: none of them counts on this stock.", ()
        return nothing

    def _moves_of_order(self, way: Alternative) -> tuple[str, Sequence[RequirementSnapshot]]:
        served = self._context.requirements
        if way.choice is Choice.CANCEL:
            return "These lose it and look for another source.", served
        if way.choice in (Choice.WAIT, Choice.RETRY):
            return "These go on waiting for it.", served
        return "These have a part of the order.", served

    def _on_the_same_line(self, requirement: RequirementSnapshot) -> list[RequirementSnapshot]:
        ids = {
            share.requirement_id
            for order in self._context.orders
            for line in order.lines
            if line.serves(requirement.id)
            for share in line.shares
            if share.quantity
        }
        return [each for each in self._context.requirements if each.id in ids]

    def _sharing(self) -> Iterable[Sharing]:
        context = self._context
        for each in context.requirements:
            need = each.need
            yield Sharing(
                Link(_name(each), page_of(each.id)),
                f"{figure(each.needed)} {need.unit}",
                need.required_date,
                need.criticality,
                ", ".join(dict.fromkeys(peg.customer or peg.demand for peg in need.pegs[:3])),
                _how(each.id, context.orders),
            )

    # -- what the supplier said

    def _said(self) -> Iterable[Said]:
        for message in self._context.messages:
            for statement in _statements(message):
                at = self._moment(statement.effective_at)
                match statement:
                    case OrderAnswer():
                        yield self._answer(at, statement)
                    case ShipmentAnnounced():
                        lines = tuple(
                            SaidLine(str(line.line), (f"{figure(line.quantity)} {line.unit or ''}".strip(),), "", ())
                            for line in statement.lines
                        )
                        arrives = f", arrives on {statement.arrives_on}" if statement.arrives_on else ""
                        yield Said(at, f"Despatch {statement.despatch_number}{arrives}", lines, ())
                    case DocumentAcknowledged():
                        title = f"Its system says of our document {statement.reference}: {statement.outcome}"
                        yield Said(at, title, (), statement.remarks)

    def _answer(self, at: str, answer: OrderAnswer) -> Said:
        revision = f" to revision {answer.order_revision}" if answer.order_revision is not None else ""
        whole = "" if answer.header == "per_line" else f": the whole order {answer.header}"
        own = self._own_lines()
        lines = [line for line in answer.lines if not own or line.line in own] or list(answer.lines)
        return Said(
            at,
            f"Answer {answer.answer_number}{revision}{whole}",
            tuple(self._answered_line(line, answer.currency or "") for line in lines[:50]),
            answer.remarks,
        )

    def _answered_line(self, line: LineAnswer, currency: str) -> SaidLine:
        parts = tuple(
            " ".join(
                filter(
                    None,
                    (
                        OUTCOMES[part.outcome],
                        figure(part.quantity) if part.quantity is not None else "",
                        (part.unit or "") if part.quantity is not None else "",
                        f"for {part.date}" if part.date else "",
                    ),
                )
            )
            for part in line.schedule_lines
        )
        price = f"price {line.price} {currency}".strip() if self._prices and line.price is not None else ""
        return SaidLine(str(line.line), parts, price, line.remarks)

    def _own_lines(self) -> set[int]:
        requirement = self._context.requirement
        if requirement is None:
            return set()
        return {line.line for order in self._context.orders for line in order.lines if line.serves(requirement.id)}

    # -- why, what happened, what comes

    def _asked(self) -> Iterable[WhyAsked]:
        for reason in self._proposal.reasons:
            inputs = reason.inputs if self._prices else without_prices(reason.inputs)
            compared, limits = in_words(inputs), in_words(reason.thresholds)
            yield WhyAsked(reason.rule, self._text(reason.why), compared, limits, reason.policy_version)

    def _steps(self) -> Iterable[QuestionStep]:
        for event in self._context.events:
            if text := _happened(event, self._names):
                yield QuestionStep(self._moment(event.processing_time), self._text(text))

    def _next_step(self) -> str:
        following = self._question.next_escalation
        if self._question.state is not ExceptionState.OPEN:
            return ""
        if following is None:
            return "Nobody else is asked any more: the escalation is complete."
        done = ESCALATIONS[following.action].format(role=following.role)
        return f"Without a decision, {done} on {self._moment(following.at)}."

    # -- once it is decided

    def _decision(self) -> dict[str, str]:
        question, made = self._question, self._question.decision
        if made is None:
            return {"decided": "", "decided_comment": "", "then": "", "undo_until": ""}
        way = next(
            (
                each
                for each in self._proposal.alternatives
                if each.choice is made.choice and made.supplier in (None, each.supplier)
            ),
            Alternative(choice=made.choice, supplier=made.supplier),
        )
        role = f" as {made.role}" if made.role else ""
        who = self._names.get(made.decided_by, made.decided_by)
        chosen = title_of(self._proposal.kind, way)
        return {
            "decided": f"“{chosen}”, decided by {who}{role} on {self._moment(made.decided_at)}",
            "decided_comment": made.comment,
            "then": self._text(after(self._proposal.kind, way)),
            "undo_until": self._moment(question.undo_until) if question.undo_until else "",
        }

    # -- as seen, for a comparison

    def _seen(self, facts: Sequence[Fact], ways: Sequence[Way]) -> list[tuple[str, str]]:
        compared = ("Missing", "All there on", "Late by", "Decide by", "Supplier", "Order", "Value", "Effective from")
        rows = [("Question", self._text(self._proposal.summary))]
        rows += [(fact.label, fact.value) for fact in facts if fact.label in compared]
        rows += [("Demands", "; ".join(_peg(peg) for peg in self._proposal.pegs))] if self._proposal.pegs else []
        for way in ways:
            parts = (
                way.quantity,
                way.substitute,
                way.available_on,
                way.late,
                f"extra cost {way.cost}" if way.cost else "",
                way.note,
            )
            rows.append((way.title, ", ".join(part for part in parts if part)))
        rows += [
            (f"Line {one.number}", f"{one.component} {figure(one.quantity)} {one.unit}: {one.proposed}")
            for one in self._proposal.dispositions
            if one.number
        ]
        return [(label, text[:_SEEN_LENGTH_MAX]) for label, text in rows[:_SEEN_ROWS_MAX]]

    def _line(self, one: ChangeDisposition) -> LineToChoose:
        where = one.reference or "stock"
        options = tuple(
            (option.choice, self._option(option.cost, option.note, option.choice)) for option in one.options
        )
        fate = one.fate.replace("_", " ")
        return LineToChoose(
            one.number, f"{one.component}, {where}", figure(one.quantity), one.unit, fate, options, one.proposed
        )

    def _option(self, cost: Any, note: str, choice: str) -> str:
        words = choice.replace("_", " ")
        priced = f", {cost:,.2f} {self._proposal.currency}" if self._prices and cost is not None else ""
        return f"{words}{priced}{f' ({self._text(note)})' if note else ''}"

    def _text(self, text: str) -> str:
        return text if self._prices else plain(text)

    def _moment(self, at: dt.datetime) -> str:
        return moment(at, self._calendar.tzinfo if self._calendar is not None else dt.UTC)


def differences(before: str, now: str) -> list[tuple[str, str, str, bool]]:
    """By row: label, as it was seen, as it is now, and whether that differs.

    `before` and `now` are `QuestionView.seen`; the first comes back from a browser and may be anything.
    """
    was, new = _rows(before), _rows(now)
    labels = dict.fromkeys((*new, *was))
    return [(each, was.get(each, "–"), new.get(each, "–"), was.get(each) != new.get(each)) for each in labels]


def _rows(seen: str) -> dict[str, str]:
    try:
        rows = json.loads(seen[:50_000])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(rows, list):
        return {}
    pairs = [row for row in rows[:_SEEN_ROWS_MAX] if isinstance(row, list) and len(row) == 2]
    return {str(label)[:_SEEN_LENGTH_MAX]: str(text)[:_SEEN_LENGTH_MAX] for label, text in pairs}


def _statements(message: SupplierMessage) -> Sequence[OrderAnswer | ShipmentAnnounced | DocumentAcknowledged]:
    try:
        if message.type == SUPPLIER_DOCUMENT:
            content = stored_content(message.content)
            return content if isinstance(content, tuple) else ()
        model = OrderAnswer if message.type == ORDER_ANSWERED else ShipmentAnnounced
        return (model.model_validate_json(message.content),)
    except ValidationError:
        return ()  # of another version; the order's page has the message as it came


_HAPPENED: Mapping[str, str] = {
    "exception.opened": "Put to {to}",
    "exception.reminded": "{to} reminded",
    "exception.escalated": "Escalated to {to}",
    "exception.assigned": "{assigned_by} handed it to {to}",
    "exception.changed": "Changed: {summary}",
    "exception.closed": "{decided_by} decided: {choice}",
    "exception.reopened": "{taken_back_by} took the decision back: {choice}",
    "exception.overtaken": "Went away by itself: {why}",
    "decision.void": "The decision does not hold, since the question changed: {choice}",
}


def _happened(event: AuditEvent, names: Mapping[str, str]) -> str:
    words = _HAPPENED.get(event.kind)
    if words is None:
        return ""
    data = {name: str(value).replace("_", " ") if name == "choice" else value for name, value in event.data.items()}
    data = with_names(data, names)
    text = words.format_map(_Known(data))
    reason = data.get("reason")
    more = [
        f"for {data['on_behalf_of']}" if data.get("on_behalf_of") else "",
        str(reason.get("why", "")) if isinstance(reason, Mapping) else "",
        f"“{data['comment']}”" if data.get("comment") else "",
    ]
    return ": ".join((text, "; ".join(each for each in more if each))) if any(more) else text


class _Known(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "?"


def _substitute(way: Alternative) -> str:
    used = way.substitute
    return "" if used is None else f"{figure(used.quantity)} {used.unit} {used.item}, from {used.use_on}"


def _which(way: Alternative) -> str:
    """What tells ways of one choice apart: the supplier, or the substitute item."""
    return way.supplier or (way.substitute.item if way.substitute is not None else "")


def _name(requirement: RequirementSnapshot) -> str:
    need = requirement.need
    return f"{need.item} for {need.demand_reference}"


def _peg(peg: Any) -> str:
    return f"{peg.demand}: {figure(peg.quantity)} by {peg.date} ({peg.criticality})"


def _how(requirement: str, orders: Sequence[OrderSnapshot]) -> str:
    """The lines of the orders that serve it."""
    found = [
        f"{order.order_number or order.id} line {line.line}"
        for order in orders
        for line in order.lines
        if line.serves(requirement) and not line.cancelled
    ]
    return ", ".join(found[:3])


__all__ = [
    "MESSAGE_TYPES",
    "LineToChoose",
    "Link",
    "QuestionView",
    "Way",
    "differences",
    "people_of",
    "view_of",
]
