"""The sources of an item that its plant's policy permits, and the activity that reads them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn

import pytest
from temporalio.exceptions import ApplicationError

from activities.internal import InternalActivities
from adapters.errors import TransientError
from canonical.audit_event import FIRST_HASH, chain
from canonical.bom import ComponentUse
from canonical.calendar import Calendar
from canonical.calls import AnswerOrderCall, AssessCall, PolicyCall, PublishNeedsCall
from canonical.exception import ExceptionDecided
from canonical.identity import ChangeId, ExceptionId, OrderId
from canonical.messages import (
    BomChanged,
    OrderOpened,
    StockAllocated,
    SubstitutionReported,
    SupplierAnswered,
    SupplyRequested,
)
from canonical.need import Need, Withdrawal
from canonical.order import OrderAnswer
from canonical.policy import PlantPolicy, Quota, RouteKind, RouteRule, SubstituteItem
from canonical.records import (
    AuditBatch,
    ConsolidationBatch,
    EndedEntity,
    OrderTerms,
    RequirementSnapshot,
    RequirementStage,
    Reservation,
)
from canonical.routing import as_kept, assessment
from canonical.sourcing import Assessment, FreeStock, ItemAtPlant, Source, UnknownItem
from canonical.stock import StockFigure, StockReport, StockUser
from canonical.supply import CoverageChanged, SupplyRequest
from decisions.assess import NotOrderable, decide_sourcing
from policies.book import FixedPolicies
from tests.decisions.models import a_need as need_of
from tests.decisions.models import a_policy, a_source, june
from tests.workflows.fakes import FakeMasterData

HERE, THERE = "1720", "1710"
BAVARIA = Calendar(name="Bavaria", holidays=(june(4),))
DIRECT, SUBCONTRACT = RouteRule(kind=RouteKind.DIRECT), RouteRule(kind=RouteKind.SUBCONTRACT)
TRANSFER = RouteRule(kind=RouteKind.TRANSFER, supplying_plant=THERE, transit_days=3)


def chain_item(*sources: Source, **changes: Any) -> ItemAtPlant:
    fields: dict[str, Any] = {"plant": HERE, "item": "CHAIN", "base_unit": "EA", "goods_receipt_days": 1}
    return ItemAtPlant(**fields | {"sources": sources} | changes)


def policies(*routes: RouteRule, **changes: Any) -> FixedPolicies:
    here = a_policy(plant=HERE, routes=routes, **changes)
    return FixedPolicies({HERE: here, THERE: a_policy(plant=THERE, calendar=BAVARIA)})


def assessed(book: FixedPolicies, item: ItemAtPlant, *kept_at: str) -> Assessment:
    policy = book.effective(HERE, item=item.item)
    assert policy is not None
    return assessment(item, policy, book.effective, kept_at, {"V1": Decimal(5)})


def ways(found: Assessment) -> list[tuple[str, int]]:
    assert found.item is not None
    return [(source.supplier, source.preference) for source in found.item.sources]


def test_a_transfer_stands_where_its_route_stands_with_transit_for_a_lead_time() -> None:
    found = assessed(policies(TRANSFER, DIRECT), chain_item(a_source(supplier="V1")), THERE)
    assert ways(found) == [(THERE, 1), ("V1", 2)]
    assert found.item is not None
    moved = found.item.sources[0]
    assert (moved.route, moved.unit, moved.lead_time_days, moved.lead_time_in) == (
        RouteKind.TRANSFER,
        "EA",
        3,
        "working_days",
    )
    assert (moved.minimum_quantity, moved.multiple) == (Decimal(0), Decimal(1))
    assert (moved.price, moved.currency) == (Decimal(0), "EUR")
    assert moved.calendar == BAVARIA


def test_a_transfer_of_paint_moves_no_more_than_is_needed() -> None:
    found = assessed(policies(TRANSFER), chain_item(base_unit="ONZ"), THERE)
    assert found.item is not None
    assert found.item.sources[0].multiple == Decimal("0.001")


def test_there_is_no_transfer_from_a_plant_that_does_not_keep_the_item() -> None:
    assert ways(assessed(policies(TRANSFER, DIRECT), chain_item(a_source(supplier="V1")))) == [("V1", 1)]


def test_what_is_no_way_of_the_plant_stays_out() -> None:
    made = a_source(supplier="V2", route=RouteKind.SUBCONTRACT)
    assert ways(assessed(policies(DIRECT), chain_item(made, a_source(supplier="V1")))) == [("V1", 1)]


def test_the_order_of_the_ways_goes_over_preference_and_sources_of_one_preference_stay_equal() -> None:
    item = chain_item(
        a_source(supplier="V1", preference=1),
        a_source(supplier="V2", preference=7),
        a_source(supplier="V3", preference=7),
        a_source(supplier="M1", preference=2, route=RouteKind.SUBCONTRACT),
    )
    found = assessed(policies(SUBCONTRACT, DIRECT, TRANSFER), item, THERE)
    assert ways(found) == [("M1", 1), ("V1", 2), ("V2", 3), ("V3", 3), (THERE, 4)]


def test_only_the_terms_of_who_buys_are_used_and_the_others_are_kept_for_other_policies() -> None:
    """Organization 1000 buys cheaper, and does not buy for this plant."""
    item = chain_item(
        a_source(supplier="V1", purchasing_organization="1000", price=Decimal(1)),
        a_source(supplier="V1", purchasing_organization="1710", price=Decimal(2)),
        a_source(supplier="V2", price=Decimal(3)),
    )
    found = assessed(policies(DIRECT), item)
    assert found.item is not None
    assert [(one.supplier, int(one.price)) for one in found.item.sources] == [("V1", 2), ("V2", 3)]
    other = assessed(policies(DIRECT, purchasing_organization="1000"), as_kept(found))
    assert other.item is not None
    assert [(one.supplier, int(one.price)) for one in other.item.sources] == [("V2", 3), ("V1", 1)]


def test_terms_of_other_organizations_alone_are_named() -> None:
    found = assessed(policies(DIRECT), chain_item(a_source(supplier="V1", purchasing_organization="1000")))
    outcome = decide_sourcing(need_of(plant=HERE, item="CHAIN"), found, june(1))
    assert isinstance(outcome, NotOrderable)
    assert outcome.why == (
        "nobody supplies item CHAIN to plant 1720 on terms of purchasing organization 1710; there are others' "
        "(V1 for 1000)"
    )


def test_what_was_assessed_once_is_assessed_the_same_again_and_right_by_other_policies() -> None:
    item = chain_item(a_source(supplier="V1", preference=3), a_source(supplier="V2", preference=9))
    first = assessed(policies(TRANSFER, DIRECT), item, THERE)
    assert assessed(policies(TRANSFER, DIRECT), as_kept(first), THERE) == first
    assert ways(assessed(policies(DIRECT), as_kept(first), THERE)) == [("V1", 1), ("V2", 2)]


def test_all_that_policy_made_of_an_item_is_undone_before_another_policy_has_it() -> None:
    """Its routes, its suppliers' calendars and its days for a goods receipt."""
    made = a_source(supplier="M1", route=RouteKind.SUBCONTRACT, preference=2)
    item = chain_item(a_source(supplier="V1", lead_time_in="working_days"), made, goods_receipt_days=0)
    one = policies(DIRECT, TRANSFER, supplier_calendar=BAVARIA, goods_receipt_days=4)
    other = policies(SUBCONTRACT, DIRECT)
    first = assessed(one, item)
    assert first.left_out == (made,)
    assert first.kept_at == {THERE: False}
    assert as_kept(first) == item
    assert assessed(other, as_kept(first)) == assessed(other, item)
    assert ways(assessed(other, as_kept(first))) == [("M1", 1), ("V1", 2)]


def test_of_an_item_that_master_data_does_not_have_there_is_nothing_to_go_back_to() -> None:
    unknown = UnknownItem(plant=HERE, item="CH-1", detail="not kept")
    with pytest.raises(ValueError, match="no such item"):
        as_kept(Assessment(item=None, unknown=unknown, policy=a_policy()))


def test_a_supplier_with_rules_of_its_own_brings_its_policy_and_its_calendar() -> None:
    book = policies(DIRECT)
    own = a_policy(plant=HERE, version="own", supplier_calendar=BAVARIA)
    book.own[HERE, "", "V2"] = own
    found = assessed(book, chain_item(a_source(supplier="V1"), a_source(supplier="V2")))
    assert found.by_supplier == {"V2": own}
    assert found.policy_for("V1") == found.policy == book.effective(HERE)
    assert found.item is not None
    assert [source.calendar.name for source in found.item.sources] == ["weekdays", "Bavaria"]


def test_a_calendar_of_suppliers_is_none_of_a_supplying_plant() -> None:
    found = assessed(policies(TRANSFER, supplier_calendar=Calendar(name="mine")), chain_item(), THERE)
    assert found.item is not None
    assert found.item.sources[0].calendar == BAVARIA


def test_what_was_allocated_counts_only_where_quotas_apply() -> None:
    item = chain_item(a_source(supplier="V1"))
    assert assessed(policies(DIRECT), item).allocated == {}
    assert assessed(policies(DIRECT, quotas={"V1": Quota(share=Decimal(1))}), item).allocated == {"V1": Decimal(5)}


@pytest.mark.parametrize(("detail", "holds"), [(0, 2), (1, 1)])
def test_a_receipt_takes_what_the_policy_says_where_the_item_says_nothing(detail: int, holds: int) -> None:
    found = assessed(policies(DIRECT), chain_item(goods_receipt_days=detail))
    assert found.item is not None
    assert found.item.goods_receipt_days == holds


class Books:
    """A ledger and entities that remember, each a real port."""

    def __init__(self) -> None:
        self.recorded: list[AuditBatch] = []
        self.needs: list[Need | Withdrawal] = []
        self.answered: list[tuple[str, SupplierAnswered]] = []
        self.asked_for: list[str] = []
        self.taken: list[StockReport] = []

    async def record(self, audit_batches: Sequence[AuditBatch]) -> None:
        self.recorded += audit_batches

    async def publish_needs(
        self, needs: Sequence[Need], withdrawals: Sequence[Withdrawal], *, correlation_id: str
    ) -> None:
        self.needs += [*needs, *withdrawals]

    async def take_stock(self, taken: StockReport, *, correlation_id: str) -> None:
        self.taken.append(taken)

    async def free_stock(self, plants: Sequence[str], item: str) -> Mapping[str, FreeStock]:
        return {plant: FreeStock(quantity=Decimal(7), unit="EA") for plant in plants}

    async def allocated(self, plant: str, item: str, unit: str = "") -> Mapping[str, Decimal]:
        self.asked_for.append(item)
        return {"V1": Decimal(600)}

    async def answer_order(self, order: str, answered: SupplierAnswered) -> bool:
        self.answered.append((order, answered))
        return len(self.answered) == 1

    async def reserve_order(
        self, request: SupplyRequest, terms: OrderTerms, *, consolidation_minutes: int, lines_max: int, days_max: int
    ) -> Reservation:
        self._not_here()

    async def close_batch(self, order: OrderId) -> ConsolidationBatch:
        self._not_here()

    async def open_order(self, opened: OrderOpened) -> None:
        self._not_here()

    async def request_supply(self, order: OrderId, requested: SupplyRequested) -> bool:
        self._not_here()

    async def report_substitution(self, order: str, reported: SubstitutionReported) -> bool:
        self._not_here()

    async def report_coverage(self, requirement: str, changed: CoverageChanged) -> bool:
        self._not_here()

    async def resume_requirement(self, requirement: str, ended: EndedEntity, changed: CoverageChanged) -> bool:
        self._not_here()

    async def ended(self, entity: str) -> EndedEntity | None:
        self._not_here()

    async def report_decision(self, entity: str, decided: ExceptionDecided) -> bool:
        self._not_here()

    async def where_used(
        self, plant: str, assembly: str, revision: str, components: Sequence[str]
    ) -> Sequence[ComponentUse]:
        self._not_here()

    async def superseded_by(self, plant: str, assembly: str, revision: str) -> ChangeId | None:
        self._not_here()

    async def join_question(self, plant: str, item: str, digest: str, asking: str, requirement: str) -> ExceptionId:
        self._not_here()

    async def leave_question(self, exception: str, requirement: str) -> int:
        self._not_here()

    async def close_question(self, exception: str, most: int) -> Sequence[str]:
        self._not_here()

    async def question_told(self, exception: str, requirements: Sequence[str]) -> None:
        self._not_here()

    async def allocate_stock(self, requirement: str, allocated: StockAllocated) -> bool:
        self._not_here()

    async def available_to_promise(self, plant: str, item: str) -> StockFigure:
        self._not_here()

    async def stock_users(self, plant: str, item: str) -> Sequence[StockUser]:
        self._not_here()

    async def record_item(self, assessment: Assessment) -> None:
        """Kept for questions that are none of these stories."""

    async def change_bom(self, requirement: str, changed: BomChanged) -> bool:
        self._not_here()

    def _not_here(self) -> NoReturn:
        raise AssertionError("none of these stories")


class InternalActivitiesOf:
    def __init__(self, book: FixedPolicies) -> None:
        self.books, self.master_data, self.book = Books(), FakeMasterData(), book
        self.activities = InternalActivities(self.books, self.books, self.master_data, book)

    def keep(self, item: ItemAtPlant) -> None:
        self.master_data.items[item.plant, item.item] = item


async def test_the_activity_finds_the_routes_the_policies_and_the_allocated_quantities() -> None:
    internal = InternalActivitiesOf(policies(TRANSFER, DIRECT))
    own = a_policy(plant=HERE, version="A", routes=(TRANSFER, DIRECT), quotas={"V1": Quota(share=Decimal(1))})
    internal.book.own[HERE, "A", ""] = own
    internal.keep(chain_item(a_source(supplier="V1"), item_class="A"))
    internal.keep(chain_item(plant=THERE))
    found = await internal.activities.assess(AssessCall(plant=HERE, item="CHAIN"))
    assert ways(found) == [(THERE, 1), ("V1", 2)]
    assert (found.policy, found.allocated, internal.books.asked_for) == (own, {"V1": Decimal(600)}, ["CHAIN"])


async def test_the_activity_finds_what_is_free_of_the_substitute_items_that_a_rule_names() -> None:
    internal = InternalActivitiesOf(policies(DIRECT))
    own = a_policy(plant=HERE, version="S", substitutes=(SubstituteItem(item="BELT"), SubstituteItem(item="ROPE")))
    internal.book.own[HERE, "CHAIN", ""] = own
    internal.keep(chain_item(a_source(supplier="V1")))
    found = await internal.activities.assess(AssessCall(plant=HERE, item="CHAIN"))
    assert found.free_substitutes == dict.fromkeys(("BELT", "ROPE"), FreeStock(quantity=Decimal(7), unit="EA"))
    assert found.free_at == {}


async def test_without_quotas_nobody_asks_the_ledger() -> None:
    internal = InternalActivitiesOf(policies(DIRECT))
    internal.keep(chain_item(a_source(supplier="V1")))
    await internal.activities.assess(AssessCall(plant=HERE, item="CHAIN"))
    assert internal.books.asked_for == []


async def test_an_unknown_item_is_reported_with_the_policy_and_an_unknown_plant_is_an_error() -> None:
    internal = InternalActivitiesOf(policies(TRANSFER))
    found = await internal.activities.assess(AssessCall(plant=HERE, item="CHAIN"))
    assert (found.item, found.unknown is not None, found.policy) == (None, True, internal.book.effective(HERE))
    with pytest.raises(ApplicationError, match=r"plant 9999 has no policy; add plants/9999\.toml") as caught:
        await internal.activities.assess(AssessCall(plant="9999", item="CHAIN"))
    assert caught.value.non_retryable


async def test_master_data_that_can_not_be_read_now_is_tried_again() -> None:
    internal = InternalActivitiesOf(policies(DIRECT))
    internal.master_data.failures.append(TransientError("erp", "the ERP does not answer"))
    with pytest.raises(ApplicationError, match="does not answer") as caught:
        await internal.activities.assess(AssessCall(plant=HERE, item="CHAIN"))
    assert (caught.value.type, caught.value.non_retryable) == ("TransientError", False)


async def test_the_policy_is_returned_only_where_it_differs_from_the_known_one() -> None:
    internal = InternalActivitiesOf(policies(DIRECT))
    own = a_policy(plant=HERE, version="own")
    internal.book.own[HERE, "CHAIN", "V1"] = own

    async def asked(**of: str) -> PlantPolicy | None:
        return await internal.activities.policy(PolicyCall(plant=of.pop("plant", HERE), **of))

    assert await asked() == internal.book.effective(HERE)
    assert await asked(known="test") is None
    assert await asked(known="test", item="CHAIN", supplier="V1") == own
    assert await asked(plant="9999", known="test") is None, "an order of a plant that is no more goes on"
    with pytest.raises(ApplicationError, match="has no policy"):
        await asked(plant="9999")


def audit_batch_of(need: Need) -> AuditBatch:
    at = need.revision.effective_at
    audit_event = chain(need.id, 1, FIRST_HASH, "noted", at, at, {})
    snapshot = RequirementSnapshot(
        id=need.id, need=need, stage=RequirementStage.COVERED, request_revision=1, needed=need.quantity
    )
    return AuditBatch(audit_events=(audit_event,), snapshot=snapshot)


async def test_what_an_order_needs_of_others_is_recorded_and_stated() -> None:
    internal, need = InternalActivitiesOf(policies(DIRECT)), need_of()
    audit_batch = audit_batch_of(need)
    await internal.activities.publish_needs(
        PublishNeedsCall(audit_batch=audit_batch, needs=(need,), correlation_id="c")
    )
    assert (internal.books.recorded, internal.books.needs) == ([audit_batch], [need])


async def test_a_transfer_is_answered_and_the_result_shows_whether_it_still_runs() -> None:
    internal, audit_batch = InternalActivitiesOf(policies(DIRECT)), audit_batch_of(need_of())
    answer = OrderAnswer(
        order_number="1", answer_number="1", header="accepted", effective_at=audit_batch.audit_events[0].business_time
    )
    call = AnswerOrderCall(
        audit_batch=audit_batch,
        order_id=OrderId("order/1720/1710/x"),
        answered=SupplierAnswered(event_id="e", answer=answer),
    )
    reported = [await internal.activities.answer_order(call) for _ in range(2)]
    assert reported == [True, False]
    assert internal.books.answered == [("order/1720/1710/x", call.answered)] * 2
