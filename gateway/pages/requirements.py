"""Requirements for people: the list, and one with its demands, what covers them and what it waits for."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from canonical.calendar import Calendar
from canonical.records import OrderStage, RequirementSnapshot, RequirementStage
from canonical.supply import ScheduleLineState
from gateway.access.prices import plain
from gateway.access.principal import Principal, PrincipalPart, Right
from gateway.pages.links import address
from gateway.pages.shell import render
from gateway.parts import LedgerPart, Parts, PartsPart
from gateway.problems import Refusal
from gateway.views.coverage import Coverage, CoveringSupply, coverage_of
from ledger.snapshots.lists import Order, RequirementFilter, ServingLine, WaitingQuestion
from ledger.snapshots.reads import RequirementRow

STAGES: dict[str, tuple[str, str]] = {
    RequirementStage.ASSESSING: ("being assessed", "plain"),
    RequirementStage.COVERED: ("covered", "good"),
    RequirementStage.SHORT: ("short", "bad"),
    RequirementStage.BLOCKED: ("blocked", "bad"),
    RequirementStage.FULFILLED: ("fulfilled", "plain"),
    RequirementStage.WITHDRAWN: ("withdrawn", "plain"),
}
"""Each stage in words, with its tone."""
SUPPLY_STATES: dict[str, tuple[str, str]] = {
    ScheduleLineState.ORDERED: ("ordered, not confirmed", "care"),
    ScheduleLineState.CONFIRMED: ("confirmed", "good"),
    ScheduleLineState.BACKORDERED: ("backordered, not confirmed", "bad"),
    ScheduleLineState.SHIPPED: ("on the way", "good"),
    ScheduleLineState.RECEIVED: ("received", "good"),
}
_ROWS = 50

routes = APIRouter(include_in_schema=False)
Text = Annotated[str, Query(max_length=200)]


@routes.get("/requirements")
async def list_requirements(
    request: Request,
    ledger: LedgerPart,
    principal: PrincipalPart,
    plant: Text = "",
    item: Text = "",
    stage: Annotated[str, Query(pattern=f"^(open|all|{'|'.join(RequirementStage)})$")] = "open",
    planner: Text = "",
    order: Text = "",
    q: Text = "",
    sort: Order = Order.DUE,
    after: Annotated[str, Query(max_length=600)] = "",
) -> HTMLResponse:
    """The list; what is open comes first, by the day it is needed."""
    principal.require(Right.READ)
    which = RequirementFilter(
        plants=principal.plants,
        plant=plant.strip() or None,
        item=item.strip() or None,
        stage=RequirementStage(stage) if stage in STAGES else None,
        open_only=stage == "open",
        planner=planner.strip() or None,
        order=order.strip() or None,
        q=q,
    )
    page = await ledger.lists.requirements(which, order=sort, limit=_ROWS, after=after or None)
    counts = await ledger.lists.requirement_counts(which)
    query = {"plant": plant, "item": item, "stage": stage, "planner": planner, "order": order, "q": q, "sort": sort}
    return render(
        request,
        "requirements.html",
        principal,
        {
            "rows": [(row, worded(principal, row.snapshot.reason)) for row in page.items],
            "counts": counts,
            "stages": STAGES,
            "query": query,
            "tabs": [(name, address("/requirements", query, stage=name)) for name in STAGES],
            "first": address("/requirements", query) if after else "",
            "next": address("/requirements", query, after=page.next) if page.next else "",
        },
    )


@routes.get("/requirements/{plant}/{item}/{key}")
async def read_requirement(
    request: Request, parts: PartsPart, principal: PrincipalPart, plant: str, item: str, key: str
) -> HTMLResponse:
    """One requirement: its demands, its coverage, its orders, and what it waits for."""
    row = await found(parts, principal, f"requirement/{plant}/{item}/{key}")
    requirement = row.snapshot
    serving = await parts.ledger.lists.serving_lines([requirement.id])
    orders = list(dict.fromkeys(one.order_id for one in serving))
    asked = [requirement.exception_id] if requirement.exception_id else []
    found_open = await parts.ledger.lists.open_questions([requirement.id, *orders], asked)
    questions = asked_of(principal, found_open)
    calendar, receipt_days = measured_by(parts, plant)
    today = parts.today(plant)
    coverage = coverage_of(requirement, serving, calendar, today, receipt_days=receipt_days)
    chances = await parts.promises.reader(plant)
    own = [one for one in questions if one.raised_by == requirement.id or one.id in asked]
    return render(
        request,
        "requirement.html",
        principal,
        {
            "row": row,
            "requirement": requirement,
            "need": requirement.need,
            "reason": worded(principal, requirement.reason),
            "stage": STAGES[requirement.stage],
            "coverage": coverage,
            "totals": totals(coverage),
            "serving": serving,
            "questions": own,
            "waits": waits_for(requirement, serving, coverage, own, questions, today),
            "supply_states": SUPPLY_STATES,
            "chance_of": chances.of,
            "item_class": next((one.line.item_class for one in serving if one.line is not None), ""),
            "zone": calendar.tzinfo,
            "zone_name": calendar.zone,
            "today": today,
        },
    )


async def found(parts: Parts, principal: Principal, identity: str) -> RequirementRow:
    """The requirement; 404 where there is none that the caller may see."""
    principal.require(Right.READ)
    row = await parts.ledger.reads.requirement(identity)
    if row is None or not principal.sees(row.snapshot.need.plant):
        raise Refusal(
            404,
            "not_found",
            "there is no such requirement at your plants",
            "look for it by its item or its demand in the list of requirements; one that was taken in a moment ago may "
            "not have recorded its first state yet",
            field="path",
            value=identity,
        )
    return row


def worded(principal: Principal, sentence: str) -> str:
    """The sentence as the reader may see it: without amounts of money where prices are not for them."""
    return sentence if principal.may(Right.SEE_PRICES) else plain(sentence)


def asked_of(principal: Principal, questions: list[WaitingQuestion]) -> list[WaitingQuestion]:
    """The questions as the reader may see them."""
    return [one.model_copy(update={"summary": worded(principal, one.summary)}) for one in questions]


def measured_by(parts: Parts, plant: str) -> tuple[Calendar, int]:
    """The calendar in which a plant's days are counted, and its working days from dock to stock."""
    policy = parts.policies.effective(plant)
    if policy is None:
        return Calendar(name="every weekday"), 0
    return policy.calendar, policy.goods_receipt_days


def totals(coverage: Coverage) -> dict[str, Decimal]:
    """How much of the need is received, sure, and only hoped for."""
    names = {
        "received": (ScheduleLineState.RECEIVED,),
        "confirmed": (ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED),
        "unconfirmed": (ScheduleLineState.ORDERED, ScheduleLineState.BACKORDERED),
    }
    return {
        name: sum((one.quantity for one in coverage.supplies if one.state in states), Decimal(0))
        for name, states in names.items()
    }


def waits_for(
    requirement: RequirementSnapshot,
    serving: list[ServingLine],
    coverage: Coverage,
    own: list[WaitingQuestion],
    questions: list[WaitingQuestion],
    today: Any,
) -> list[dict[str, str]]:
    """What has to happen next so that it is met, in a planner's words, each with the page where it is seen."""
    if requirement.closed:
        return []
    waits = [
        {"text": f"a decision by {one.assignee}: {one.summary}", "entity": one.id, "tone": "bad"} for one in questions
    ]
    for order in dict.fromkeys(one.order_id for one in serving):
        first = next(one for one in serving if one.order_id == order)
        name = f"order {first.order_number}" if first.order_number else "an order that has no number yet"
        who = first.supplier_name or first.supplier
        if first.stage is OrderStage.CONSOLIDATING:
            waits.append({"text": f"other lines for {who}, to be ordered together", "entity": order, "tone": "plain"})
        elif first.stage in (OrderStage.PLACING, OrderStage.UNSENT):
            waits.append({"text": f"{name} to be sent to {who}", "entity": order, "tone": "care"})
        elif first.stage is OrderStage.SENT:
            waits.append({"text": f"the answer of {who} to {name}", "entity": order, "tone": "care"})
        waits += [_goods(one, name, who, today) for one in coverage.supplies if _to_come(one, order)]
    missing = sum((demand.missing for demand in coverage.demands), Decimal(0))
    if missing and not own:
        text = f"a source for {missing.normalize():f} {requirement.need.unit} that nothing covers"
        waits.append({"text": text, "entity": "", "tone": "bad"})
    return waits


def _to_come(one: CoveringSupply, order: str) -> bool:
    return one.source.order_id == order and one.state in _FIRM


_FIRM = (ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED, ScheduleLineState.BACKORDERED)


def _goods(one: CoveringSupply, name: str, who: str, today: Any) -> dict[str, str]:
    quantity = f"{one.quantity.normalize():f}"
    order = str(one.source.order_id)
    if one.dock_date is None or one.state is ScheduleLineState.BACKORDERED:
        hoped = f", hoped for on {one.dock_date}" if one.dock_date else ""
        return {"text": f"a date for {quantity} of {name} from {who}{hoped}", "entity": order, "tone": "bad"}
    if one.dock_date < today:
        text = f"{quantity} of {name} from {who}, overdue since {one.dock_date}"
        return {"text": text, "entity": order, "tone": "bad"}
    how = "on the way, due" if one.state is ScheduleLineState.SHIPPED else "confirmed for"
    return {"text": f"{quantity} of {name} from {who}, {how} {one.dock_date}", "entity": order, "tone": "plain"}


__all__ = ["STAGES", "SUPPLY_STATES", "asked_of", "found", "measured_by", "routes", "worded"]
