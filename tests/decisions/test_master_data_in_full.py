"""Every defect of master data compared whole: who owns it, which systems disagree, and what is to be done."""

from decimal import Decimal
from typing import Any

import pytest

from canonical.base import Criticality
from canonical.calendar import Calendar
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.policy import RouteKind, RouteRule
from canonical.sourcing import Assessment, ItemAtPlant, MasterDataDefect, UnknownItem
from decisions.master_data import (
    Asked,
    item_defects,
    master_data_proposal,
    no_source,
    none_left,
    source_defects,
    unknown_sourcing_rule,
)
from tests.decisions.models import a_need, a_peg, a_policy, a_source, an_item, june

NEED = a_need(quantity=Decimal(100), pegging=(a_peg(100, june(15), Criticality.A),))
OF = "supplier 1580, item BB-7421 at 1710"
NEVER = Calendar(name="never", weekdays=())
MISSING = MasterDataDefect(
    field="item",
    value="BB-7421",
    detail="plant 1710 keeps no item BB-7421",
    owner="planner",
    next_step="extend item BB-7421 to plant 1710, or withdraw the need",
    systems=("aps", "erp"),
)


def known(item: ItemAtPlant | None, unknown: UnknownItem | None = None, **policy: Any) -> Assessment:
    return Assessment(item=item, unknown=unknown, policy=a_policy(**policy))


def test_an_item_that_master_data_does_not_have() -> None:
    assert item_defects(NEED, known(None)) == (MISSING,)
    reported = UnknownItem(plant="1710", item="BB-7421", detail="BB-7421 is kept in 1720 only")
    assert item_defects(NEED, known(None, reported)) == (MISSING.model_copy(update={"detail": reported.detail}),)


def test_an_item_that_is_blocked() -> None:
    item = an_item(a_source()).model_copy(update={"blocked": "phasing out"})
    assert item_defects(NEED, known(item)) == (
        MasterDataDefect(
            field="blocked",
            value="phasing out",
            detail="item BB-7421 is blocked at plant 1710: phasing out",
            owner="planner",
            next_step="lift the block in the item's plant data, or withdraw the need",
            systems=("erp",),
        ),
    )


def test_a_plant_that_never_works() -> None:
    assert item_defects(NEED, known(an_item(a_source()), calendar=NEVER)) == (
        MasterDataDefect(
            field="calendar",
            value="never",
            detail="calendar never has no working day near 2026-06-15 (plant 1710)",
            owner="purchasing-manager",
            next_step="correct the calendar's weekdays, holidays or shutdowns",
            systems=("policy",),
        ),
    )
    assert item_defects(NEED, known(an_item(a_source()))) == ()


_IDLE = MasterDataDefect(
    field="calendar",
    value="never",
    detail=f"calendar never has no working day near 2026-06-15 ({OF})",
    owner="purchasing-manager",
    next_step="correct the calendar's weekdays, holidays or shutdowns",
    systems=("erp",),
)
_LEAD_TIME = MasterDataDefect(
    field="lead_time_days",
    value="0",
    detail=f"no lead time is kept ({OF}), so no date can be promised",
    owner="buyer",
    next_step="correct the planned delivery time in the purchasing info record",
    systems=("erp", "policy"),
)
_LOTS = MasterDataDefect(
    field="minimum_quantity",
    value="90",
    detail=f"no multiple of 50 lies between the minimum 90 and the maximum 95 ({OF})",
    owner="buyer",
    next_step="correct minimum, multiple or maximum in the purchasing info record",
    systems=("erp",),
)


@pytest.mark.parametrize(
    ("terms", "defect"),
    [
        (
            {"blocked": True},
            MasterDataDefect(
                field="supplier",
                value="1580",
                detail=f"purchasing has blocked the source ({OF})",
                owner="buyer",
                next_step="lift the block of the supplier or of its info record, or name another source",
                systems=("erp",),
            ),
        ),
        (
            {"unit": "CT"},
            MasterDataDefect(
                field="unit",
                value="EA",
                detail=f"nothing converts EA and CT, the order unit ({OF})",
                owner="planner",
                next_step="keep the conversion of EA and CT in the item's units of measure, or have the plan state the "
                "need in CT",
                systems=("aps", "erp"),
            ),
        ),
        ({"lead_time_days": 0}, _LEAD_TIME),
        (
            {"lead_time_days": 366},
            _LEAD_TIME.model_copy(
                update={"value": "366", "detail": f"a lead time of 366 days is not between 1 and 365 ({OF})"}
            ),
        ),
        ({"minimum_quantity": Decimal(90), "multiple": Decimal(50), "maximum_quantity": Decimal(95)}, _LOTS),
        (
            {"minimum_quantity": Decimal(96), "multiple": Decimal(95), "maximum_quantity": Decimal(95)},
            _LOTS.model_copy(
                update={
                    "value": "96",
                    "detail": f"no multiple of 95 lies between the minimum 96 and the maximum 95 ({OF})",
                }
            ),
        ),
        (
            {"multiple": Decimal(50), "maximum_quantity": Decimal(49)},
            _LOTS.model_copy(
                update={
                    "field": "multiple",
                    "value": "50",
                    "detail": f"no multiple of 50 lies between the minimum 1 and the maximum 49 ({OF})",
                }
            ),
        ),
        (
            {"maximum_quantity": Decimal(2)},
            MasterDataDefect(
                field="maximum_quantity",
                value="2",
                detail=f"100 EA would take more than 40 lots ({OF})",
                owner="buyer",
                next_step="correct the maximum quantity, or have the plan split the need",
                systems=("aps", "erp"),
            ),
        ),
        (
            {"currency": "GBP"},
            MasterDataDefect(
                field="currency",
                value="GBP",
                detail=f"policy test has no rate for GBP ({OF})",
                owner="purchasing-manager",
                next_step="add GBP to approval.rates in the plant's policy, or correct the info record",
                systems=("erp", "policy"),
            ),
        ),
        ({"lead_time_in": "working_days", "calendar": NEVER}, _IDLE),
        (
            {"route": RouteKind.SUBCONTRACT},
            MasterDataDefect(
                field="components",
                value="none",
                detail=f"a subcontractor is given components, and none are kept ({OF})",
                owner="planner",
                next_step="keep the subcontracting bill of material, or change the info record's category",
                systems=("erp",),
            ),
        ),
    ],
)
def test_a_defect_of_a_source(terms: dict[str, Any], defect: MasterDataDefect) -> None:
    source = a_source(**terms)
    assert source_defects(source, Asked(NEED, an_item(source), june(1)), a_policy()) == (defect,)


def test_a_supplying_plant_or_a_calendar_not_counted_in_is_no_defect() -> None:
    near = a_source(route=RouteKind.TRANSFER, supplier="1720", lead_time_days=0, currency="GBP", calendar=NEVER)
    assert source_defects(near, Asked(NEED, an_item(near), june(1)), a_policy()) == ()


def test_as_many_lots_as_an_order_has_lines_are_no_defect() -> None:
    source = a_source(maximum_quantity=Decimal("2.5"), multiple=Decimal("2.5"))
    assert source_defects(source, Asked(NEED, an_item(source), june(1)), a_policy(order_lines_max=40)) == ()
    assert source_defects(source, Asked(NEED, an_item(source), june(1)), a_policy(order_lines_max=39))


def test_a_plants_calendar_for_the_supplier_that_never_works_is_the_policys() -> None:
    source = a_source()
    (defect,) = source_defects(source, Asked(NEED, an_item(source), june(1)), a_policy(calendar=NEVER))
    assert defect == _IDLE.model_copy(update={"systems": ("policy",)})


def test_a_subcontracted_item_whose_base_unit_is_not_the_order_units() -> None:
    source = a_source(route=RouteKind.SUBCONTRACT, unit="CT")
    need = NEED.model_copy(update={"unit": "CT"})
    components, unit = source_defects(source, Asked(need, an_item(source), june(1)), a_policy())
    assert components.field == "components"
    assert unit == MasterDataDefect(
        field="unit",
        value="EA",
        detail=f"nothing converts EA and CT, the order unit ({OF})",
        owner="planner",
        next_step="keep the conversion of EA and CT in the item's units of measure, or have the plan state the "
        "need in CT",
        systems=("erp",),
    )


_NOBODY = MasterDataDefect(
    field="sources",
    value="none",
    detail="nobody supplies item BB-7421 to plant 1710",
    owner="buyer",
    next_step="create a purchasing info record with a supplier",
    systems=("erp",),
)


def test_an_item_that_nobody_supplies() -> None:
    assert no_source(NEED, known(an_item())) == (_NOBODY,)
    assert no_source(NEED, known(None)) == (_NOBODY,)


def test_sources_on_the_terms_of_other_organizations_are_named() -> None:
    """Only those whose route the plant uses; one without an organization is nobody's terms."""
    left_out = (
        a_source(purchasing_organization="1720"),
        a_source(supplier="1678", purchasing_organization="1730"),
        a_source(supplier="1700", purchasing_organization="1720", route=RouteKind.SUBCONTRACT),
        a_source(supplier="1710", purchasing_organization=""),
    )
    (source,) = no_source(NEED, known(an_item()).model_copy(update={"left_out": left_out}))
    assert source.detail == (
        "nobody supplies item BB-7421 to plant 1710 on terms of purchasing organization 1710; "
        "there are others' (1580 for 1720, 1678 for 1730)"
    )
    routes = (RouteRule(kind=RouteKind.SUBCONTRACT),)
    kept = known(an_item(a_source()), routes=routes).model_copy(update={"left_out": left_out})
    (source,) = no_source(NEED, kept)
    assert (
        source.detail == "none of the routes of plant 1710 (subcontract) leads to a source of BB-7421 (1580 by direct)"
    )


def test_a_transfer_from_a_plant_that_does_not_keep_the_item_and_sources_of_other_routes() -> None:
    routes = (RouteRule(kind=RouteKind.TRANSFER, supplying_plant="1720"), RouteRule(kind=RouteKind.SUBCONTRACT))
    item = an_item(a_source(), a_source(supplier="1678"))
    plant, source = no_source(NEED, known(item, routes=routes))
    assert plant == MasterDataDefect(
        field="supplying_plant",
        value="1720",
        detail="plant 1720, which plant 1710 transfers from, keeps no item BB-7421",
        owner="buyer",
        next_step="extend item BB-7421 to plant 1720, or take the route out of the policy",
        systems=("erp", "policy"),
    )
    assert source == _NOBODY.model_copy(
        update={
            "detail": "none of the routes of plant 1710 (transfer, subcontract) leads to a source of BB-7421 "
            "(1580 by direct, 1678 by direct)",
            "systems": ("erp", "policy"),
        }
    )
    nowhere = no_source(NEED, known(item, routes=(RouteRule(kind=RouteKind.TRANSFER),)))
    assert nowhere[0].value == "none"
    kept = an_item(a_source(route=RouteKind.TRANSFER, supplier="1720"))
    assert [defect.field for defect in no_source(NEED, known(kept, routes=routes))] == ["sources"]


def test_a_sourcing_rule_that_names_nobody() -> None:
    need = NEED.model_copy(update={"sourcing_rule": "supplier:9999"})
    defect = MasterDataDefect(
        field="sourcing_rule",
        value="supplier:9999",
        detail="the plan asks for supplier:9999, and no source of BB-7421 at 1710 matches (supplier:1580, "
        "supplier:1678)",
        owner="buyer",
        next_step="create the source in the ERP, or have the plan name one that exists",
        systems=("aps", "erp"),
    )
    assert unknown_sourcing_rule(need, known(an_item(a_source(), a_source(supplier="1678")))) == defect
    none = unknown_sourcing_rule(NEED, known(None))
    assert (none.value, none.detail) == ("", "the plan asks for None, and no source of BB-7421 at 1710 matches (none)")


def test_a_need_whose_every_source_is_excluded() -> None:
    assert none_left(NEED, known(an_item(a_source())), ["1580", "1678"]) == MasterDataDefect(
        field="sources",
        value="1580, 1678",
        detail="nobody but 1580, 1678 supplies item BB-7421 to plant 1710",
        owner="buyer",
        next_step="create a purchasing info record with another supplier",
        systems=("erp",),
    )


def test_what_is_put_to_the_owners_of_the_defects() -> None:
    proposal = Proposal(
        kind=ExceptionKind.MASTER_DATA,
        summary="BB-7421 can't be ordered for plant 1710: plant 1710 keeps no item BB-7421.",
        plant="1710",
        item="BB-7421",
        currency="EUR",
        defects=(MISSING,),
        alternatives=(Alternative(choice=Choice.RETRY, note="master data is fixed: try again"),),
        approvers=("planner",),
        rule="R3",
    )
    assert master_data_proposal(NEED, [MISSING], a_policy()) == proposal
    both = master_data_proposal(NEED, [MISSING, _NOBODY, MISSING], a_policy())
    assert both.summary == ("BB-7421 can't be ordered for plant 1710: plant 1710 keeps no item BB-7421 (and 2 more).")
    assert both.approvers == ("planner", "buyer")
