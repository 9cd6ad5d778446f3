"""The story on paper: what Bothell shares on order lines, for any day and any days off, without servers.

The planning system's own plan, lines and coverage by the order's own rules, and from them the books as the counterparts
would keep them. Beside them stands what is true, which no book says: who shares which line.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from canonical.base import Criticality
from canonical.calendar import Calendar
from canonical.identity import OrderId, RequirementId, requirement_id, requirement_reference
from canonical.messages import GoodsReceived, OrderOpened, SupplierAnswered, SupplyRequested
from canonical.need import Peg
from canonical.order import AnswerOutcome, AnswerScheduleLine, GoodsReceipt, LineAnswer, OrderAnswer
from canonical.records import OrderStage, OrderTerms
from canonical.supply import LotTerms, SupplyRequest
from decisions.calendars import next_working_day, subtract_working_days
from decisions.lots import size_lots
from decisions.supply_requests import release
from demo import purchasing, site
from demo.books import Books
from demo.erp_books import Line
from demo.site import INDIVIDUAL, PLANTS
from simulators.aps.bodies import ModelBody, PlanBody
from simulators.aps.explosion import Requirement
from simulators.aps.planning import Planning
from simulators.aps.versions import PlanVersion, revise
from simulators.books import Clock
from simulators.outbox import Outbox
from tests.decisions.models import a_policy, a_source
from workflows.purchase_order.changes import settle_requests
from workflows.purchase_order.reports import coverage, schedule
from workflows.purchase_order.sharing import share_groups
from workflows.purchase_order.state import OrderState
from workflows.purchase_order.workflow import take

PLANT = "1720"
SOURCE = "aps-paper"
NOON = dt.time(12, tzinfo=dt.UTC)
_ACCEPTED, _LATER, _SPLIT, _BACKORDERED = range(4)
"""How a supplier answers a line."""


@cache
def _model() -> ModelBody:
    return ModelBody.model_validate(site.aps_model())


@lru_cache(maxsize=8)
def planned(today: dt.date, *plants: str) -> PlanVersion:
    """Version 1 of some plants of the demo."""
    planning = Planning("paper", Outbox("http://nowhere"), Clock())
    planning.learn(_model())
    body = site.aps_plan(today, f"{today}T12:00:00+00:00")
    body["builds"] = [build for build in body["builds"] if build["plant"] in plants]
    return planning.plan(PlanBody.model_validate(body))


def quiet(kind: str, business_time: dt.datetime | None = None, /, **data: Any) -> None:
    """Nobody keeps audit events here."""


class Paper:
    """Shared lines of one plan: `calendar` is the plant's, `answers` how the supplier answers line after line."""

    def __init__(self, today: dt.date, calendar: Calendar, answers: Sequence[int] = ()) -> None:
        self.today, self.calendar = today, calendar
        self.policy = a_policy(plant=PLANT, calendar=calendar, office=calendar, shared_lines=True)
        self.versions = [planned(today, PLANT)]
        self.receipts: dict[str, dict[str, Any]] = {}
        self.states: list[OrderState] = []
        self._place([self._request(row) for row in self.sheets()])
        self._tracking = {
            (_number(state), line.number): requirement_reference(line.request.requirement_id)
            for state in self.states
            for line in state.lines
        }
        if answers:
            self._answer(answers)

    def sheets(self) -> list[Requirement]:
        """What is planned of each finished bicycle apart, and ordered together."""
        rows = self.versions[-1].requirements.values()
        return [row for row in rows if row.plant == PLANT and row.item in INDIVIDUAL[PLANT]]

    @property
    def truth(self) -> dict[Line, set[str]]:
        """Who shares which line, by demand reference."""
        return {
            (_number(state), line.number): {requirement.rpartition("~")[2] for requirement in line.requirements}
            for state in self.states
            for line in state.lines
        }

    def withdraw(self, reference: str) -> None:
        """Plan version 2, without this requirement."""
        version = self.versions[-1]
        rest = {key: row for key, row in version.requirements.items() if key != reference}
        gone = {reference: version.requirements[reference]}
        self.versions.append(PlanVersion(version.version + 1, self.today, version.effective_at, rest, gone))
        for state in self.states:
            for line in state.lines:
                for allocation in line.allocations:
                    if allocation.request.requirement_id.rpartition("~")[2] == reference:
                        request = release(allocation.request, request_revision=2, reason="gone")
                        take(state, SupplyRequested(request=request), quiet, self.today)
                        settle_requests(state, self.today, quiet)
                        state.reports += 1
                        return

    def receive(self) -> None:
        """Everything that is ordered comes in."""
        for state in self.states:
            for line in state.lines:
                if line.cancelled:
                    continue
                number = f"GR{len(self.receipts) + 1}"
                at = dt.datetime.combine(line.delivery_date, NOON)
                receipt = GoodsReceipt(
                    order_number=_number(state),
                    line=line.number,
                    quantity=line.quantity,
                    unit=line.request.unit,
                    date=line.delivery_date,
                    receipt_number=number,
                    effective_at=at,
                )
                take(state, GoodsReceived(receipts=(receipt,)), quiet, self.today)
                self.receipts[number] = {
                    "order": _number(state),
                    "line": line.number,
                    "quantity": str(line.quantity),
                    "date": line.delivery_date.isoformat(),
                }

    def books(self) -> Books:
        """What the counterparts would hold."""
        reported: dict[str, list[dict[str, Any]]] = {}
        for state in self.states:
            for entry in coverage(state).entries:
                schedule_lines = [part.model_dump(mode="json") for part in entry.schedule_lines]
                reported.setdefault(entry.requirement_id.rpartition("~")[2], []).append(
                    {"order": _number(state), "scheduleLines": schedule_lines}
                )
        return Books(
            erp={
                "orders": [
                    {
                        "PurchaseOrder": _number(state),
                        "Supplier": state.terms.supplier,
                        "SupplyingPlant": "",
                        "items": [_item(state, line) for line in state.lines],
                    }
                    for state in self.states
                ],
                "requisitions": [
                    {
                        "items": [
                            {
                                "PurchasingDocument": order,
                                "PurchasingDocumentItem": str(line),
                                "RequirementTracking": tracking,
                            }
                            for (order, line), tracking in self._tracking.items()
                        ]
                    }
                ],
            },
            edi={"orders": {}},
            aps={
                "source": SOURCE,
                "versions": {str(number): plan.view() for number, plan in enumerate(self.versions, start=1)},
                "coverage_by_reference": reported,
                "coverage_of_unknown": [],
            },
            wms={"receipts": self.receipts},
        )

    def _request(self, row: Requirement) -> SupplyRequest:
        terms = _terms(row.item)
        dock = subtract_working_days(self.calendar, row.required_date, _receipt_days())
        send_by = dock - dt.timedelta(days=terms.lead_time_days)
        return SupplyRequest(
            requirement_id=RequirementId(requirement_id(PLANT, row.item, SOURCE, row.reference)),
            request_revision=1,
            plant=PLANT,
            item=row.item,
            unit="EA",
            lots=size_lots(row.quantity, terms.minimum, terms.multiple, terms.maximum).lots,
            needed=row.quantity,
            lot_terms=LotTerms(minimum=terms.minimum, multiple=terms.multiple, maximum=terms.maximum),
            required_date=row.required_date,
            dock_date=max(dock, next_working_day(self.calendar, self.today)),
            send_by=send_by,
            pegs=tuple(
                Peg(demand=peg.demand, quantity=peg.quantity, date=peg.date, criticality=Criticality(peg.criticality))
                for peg in row.pegs
            ),
            goods_receipt_days=_receipt_days(),
            criticality=min(Criticality(peg.criticality) for peg in row.pegs),
            price=terms.price,
            currency="USD",
            price_unit=terms.price_unit,
        )

    def _place(self, requests: Sequence[SupplyRequest]) -> None:
        """Orders whose dock dates lie at most fifteen days apart, as Bothell's policy sets."""
        orders: list[list[SupplyRequest]] = []
        for request in requests:
            for held in orders:
                docks = [each.dock_date for each in (*held, request)]
                if (max(docks) - min(docks)).days <= 15:
                    held.append(request)
                    break
            else:
                orders.append([request])
        for number, held in enumerate(orders, start=1):
            opened = OrderOpened(
                order_id=OrderId(f"order/{PLANT}/{number}"),
                terms=OrderTerms(plant=PLANT, supplier=_terms(held[0].item).supplier, currency="USD", terms=""),
                source=a_source(),
                policy=self.policy,
                correlation_id="paper",
            )
            state = OrderState.of(opened, dt.datetime.combine(self.today, NOON))
            for group in share_groups(held, self.policy):
                if len(group) > 1:
                    state.add_shared_line(group)
                else:
                    state.add_lines(group[0])
            state.stage, state.order_number = OrderStage.SENT, f"45{number:08d}"
            self.states.append(state)

    def _answer(self, answers: Sequence[int]) -> None:
        ways = 0
        for state in self.states:
            lines = []
            for line in state.lines:
                lines.append(_answer(line, answers[ways % len(answers)]))
                ways += 1
            answer = OrderAnswer(
                order_number=_number(state),
                order_revision=1,
                answer_number="A1",
                header="per_line",
                lines=tuple(lines),
                effective_at=dt.datetime.combine(self.today, NOON),
            )
            take(state, SupplierAnswered(event_id=f"answer/{state.id}", answer=answer), quiet, self.today)


def changed_needs(today: dt.date, days_off: Collection[dt.date], seed: str) -> PlanVersion:
    """Version 2 of all plants, of which half is changed and some slightly."""
    codes = [plant.code for plant in PLANTS]
    return revise(
        planned(today, *codes),
        seed=seed,
        share_changed=Decimal("0.5"),
        share_gone=Decimal(0),
        share_new=Decimal(0),
        share_slightly=Decimal("0.1"),
        effective_at=dt.datetime.combine(today, NOON),
        today=today,
        days_off=dict.fromkeys(codes, days_off),
    )


def _answer(line: Any, way: int) -> LineAnswer:
    half, day = (line.quantity / 2).to_integral_value(), line.delivery_date
    later, gone = day + dt.timedelta(days=9), line.quantity - half
    allocations: Mapping[int, list[tuple[AnswerOutcome, Decimal, dt.date | None]]] = {
        _ACCEPTED: [(AnswerOutcome.ACCEPTED, line.quantity, day)],
        _LATER: [(AnswerOutcome.CHANGED, line.quantity, later)],
        _SPLIT: [(AnswerOutcome.CHANGED, half, day), (AnswerOutcome.CHANGED, gone, later)],
        _BACKORDERED: [(AnswerOutcome.CHANGED, half, day), (AnswerOutcome.BACKORDERED, gone, None)],
    }
    schedule_lines = tuple(
        AnswerScheduleLine(outcome=what, quantity=quantity, date=on) for what, quantity, on in allocations[way]
    )
    return LineAnswer(line=line.number, schedule_lines=schedule_lines)


def _item(state: OrderState, line: Any) -> dict[str, Any]:
    rows = [row for one in schedule(state, [line.number]).lines for row in one.schedule]
    return {
        "PurchaseOrderItem": str(line.number),
        "Material": line.request.item,
        "Plant": PLANT,
        "OrderQuantity": str(line.quantity),
        "PurchasingDocumentDeletionCode": "L" if line.cancelled else "",
        "schedule": [
            {"ScheduleLineDeliveryDate": row.date.isoformat(), "ScheduleLineCommittedQuantity": str(row.committed)}
            for row in rows
        ]
        or [{"ScheduleLineDeliveryDate": line.delivery_date.isoformat(), "ScheduleLineCommittedQuantity": "0"}],
    }


def _number(state: OrderState) -> str:
    assert state.order_number is not None
    return state.order_number


@cache
def _terms(item: str) -> purchasing.Terms:
    return next(term for term in purchasing.purchasing_terms() if term.item == item and term.preference == 1)


@cache
def _receipt_days() -> int:
    return next(plant.goods_receipt_days for plant in PLANTS if plant.code == PLANT)
