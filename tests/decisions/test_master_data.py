"""What the owners of master data read: each defect whole."""

from decimal import Decimal
from typing import Any

import pytest

from canonical.calendar import Calendar
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.policy import DefectOwners, RouteKind, RouteRule
from canonical.sourcing import Assessment, Component, MasterDataDefect
from decisions.assess import NotOrderable, decide_sourcing
from decisions.master_data import master_data_proposal
from decisions.sourcing import defects_of
from tests.decisions.models import a_need, a_policy, a_source, an_item, may

OWNERS = DefectOwners(**{domain: f"owner of {domain}" for domain in DefectOwners.model_fields})
DIRECT = RouteRule(kind=RouteKind.DIRECT)
SUBCONTRACT = RouteRule(kind=RouteKind.SUBCONTRACT)
TRANSFER = RouteRule(kind=RouteKind.TRANSFER, supplying_plant="1720")
IDLE = Calendar(name="idle", weekdays=())
OF = "supplier 1580, item BB-7421 at 1710"
STEEL = Component(item="STEEL", quantity=Decimal(1), unit="KGM")


def a_defect(field: str, value: str, detail: str, owner: str, next_step: str, *systems: str) -> MasterDataDefect:
    owner = f"owner of {owner}"
    return MasterDataDefect(field=field, value=value, detail=detail, owner=owner, next_step=next_step, systems=systems)


def found(item: dict[str, Any], source: dict[str, Any] | None, need: dict[str, Any], **policy: Any) -> Any:
    sources = () if source is None else (a_source(**source),)
    rules: dict[str, Any] = {"owners": OWNERS, "routes": (DIRECT, SUBCONTRACT)} | policy
    assessment = Assessment(item=an_item(*sources).model_copy(update=item), policy=a_policy(**rules))
    outcome = decide_sourcing(a_need(**need), assessment, may(4))
    assert isinstance(outcome, NotOrderable)
    return outcome.defects


IN_UNITS = "keep the conversion of {0} and CT in the item's units of measure, or have the plan state the need in CT"
IN_TERMS = "correct minimum, multiple or maximum in the purchasing info record"
IN_CALENDAR = "correct the calendar's weekdays, holidays or shutdowns"


@pytest.mark.parametrize(
    ("item", "source", "need", "defect"),
    [
        (
            {"blocked": "phased out"},
            {},
            {},
            a_defect(
                "blocked",
                "phased out",
                "item BB-7421 is blocked at plant 1710: phased out",
                "item",
                "lift the block in the item's plant data, or withdraw the need",
                "erp",
            ),
        ),
        (
            {},
            {"blocked": True},
            {},
            a_defect(
                "supplier",
                "1580",
                f"purchasing has blocked the source ({OF})",
                "supplier",
                "lift the block of the supplier or of its info record, or name another source",
                "erp",
            ),
        ),
        (
            {},
            {"unit": "CT"},
            {},
            a_defect(
                "unit",
                "EA",
                f"nothing converts EA and CT, the order unit ({OF})",
                "unit",
                IN_UNITS.format("EA"),
                "aps",
                "erp",
            ),
        ),
        (
            {"base_unit": "EA", "components": (STEEL,)},
            {"unit": "CT", "route": RouteKind.SUBCONTRACT},
            {"unit": "CT"},
            a_defect(
                "unit", "EA", f"nothing converts EA and CT, the order unit ({OF})", "unit", IN_UNITS.format("EA"), "erp"
            ),
        ),
        (
            {},
            {"lead_time_days": 0},
            {},
            a_defect(
                "lead_time_days",
                "0",
                f"no lead time is kept ({OF}), so no date can be promised",
                "lead_time",
                "correct the planned delivery time in the purchasing info record",
                "erp",
                "policy",
            ),
        ),
        (
            {},
            {"lead_time_days": 366},
            {},
            a_defect(
                "lead_time_days",
                "366",
                f"a lead time of 366 days is not between 1 and 365 ({OF})",
                "lead_time",
                "correct the planned delivery time in the purchasing info record",
                "erp",
                "policy",
            ),
        ),
        (
            {},
            {"minimum_quantity": Decimal(9), "multiple": Decimal(4), "maximum_quantity": Decimal(10)},
            {},
            a_defect(
                "minimum_quantity",
                "9",
                f"no multiple of 4 lies between the minimum 9 and the maximum 10 ({OF})",
                "lots",
                IN_TERMS,
                "erp",
            ),
        ),
        (
            {},
            {"multiple": Decimal(11), "maximum_quantity": Decimal(10)},
            {},
            a_defect(
                "multiple",
                "11",
                f"no multiple of 11 lies between the minimum 1 and the maximum 10 ({OF})",
                "lots",
                IN_TERMS,
                "erp",
            ),
        ),
        (
            {},
            {"maximum_quantity": Decimal(10)},
            {},
            a_defect(
                "maximum_quantity",
                "10",
                f"1000 EA would take more than 40 lots ({OF})",
                "lots",
                "correct the maximum quantity, or have the plan split the need",
                "aps",
                "erp",
            ),
        ),
        (
            {},
            {"currency": "GBP"},
            {},
            a_defect(
                "currency",
                "GBP",
                f"policy test has no rate for GBP ({OF})",
                "policy",
                "add GBP to approval.rates in the plant's policy, or correct the info record",
                "erp",
                "policy",
            ),
        ),
        (
            {},
            {"lead_time_in": "working_days", "calendar": IDLE},
            {},
            a_defect(
                "calendar",
                "idle",
                f"calendar idle has no working day near 2026-06-15 ({OF})",
                "calendar",
                IN_CALENDAR,
                "erp",
            ),
        ),
        (
            {},
            {"route": RouteKind.SUBCONTRACT},
            {},
            a_defect(
                "components",
                "none",
                f"a subcontractor is given components, and none are kept ({OF})",
                "item",
                "keep the subcontracting bill of material, or change the info record's category",
                "erp",
            ),
        ),
        (
            {},
            {},
            {"sourcing_rule": "supplier:4711"},
            a_defect(
                "sourcing_rule",
                "supplier:4711",
                "the plan asks for supplier:4711, and no source of BB-7421 at 1710 matches (supplier:1580)",
                "sourcing",
                "create the source in the ERP, or have the plan name one that exists",
                "aps",
                "erp",
            ),
        ),
        (
            {},
            None,
            {"sourcing_rule": "supplier:4711"},
            a_defect(
                "sources",
                "none",
                "nobody supplies item BB-7421 to plant 1710",
                "sourcing",
                "create a purchasing info record with a supplier",
                "erp",
            ),
        ),
    ],
)
def test_a_defect_has_all_that_its_owner_needs(
    item: dict[str, Any], source: dict[str, Any] | None, need: dict[str, Any], defect: MasterDataDefect
) -> None:
    assert found(item, source, need) == (defect,)


def test_an_idle_plant_calendar_is_the_policys() -> None:
    why = "calendar idle has no working day near 2026-06-15 (plant 1710)"
    assert found({}, {}, {}, calendar=IDLE) == (a_defect("calendar", "idle", why, "calendar", IN_CALENDAR, "policy"),)


def test_an_unknown_item_has_to_be_extended() -> None:
    assessment = Assessment(item=None, policy=a_policy(owners=OWNERS))
    detail, step = "plant 1710 keeps no item BB-7421", "extend item BB-7421 to plant 1710, or withdraw the need"
    assert defects_of(a_need(), assessment, may(4)) == (
        a_defect("item", "BB-7421", detail, "item", step, "aps", "erp"),
    )


def test_a_transfer_that_can_not_be_served_is_named_before_that_nobody_supplies() -> None:
    plant, nobody = found({}, {}, {}, routes=(TRANSFER, SUBCONTRACT))
    assert plant == a_defect(
        "supplying_plant",
        "1720",
        "plant 1720, which plant 1710 transfers from, keeps no item BB-7421",
        "sourcing",
        "extend item BB-7421 to plant 1720, or take the route out of the policy",
        "erp",
        "policy",
    )
    assert nobody.systems == ("erp", "policy")
    routes = "none of the routes of plant 1710 (transfer, subcontract) leads to a source of BB-7421 (1580 by direct)"
    assert nobody.detail == routes


def test_where_everybody_is_excluded_another_supplier_is_asked_for() -> None:
    sources = (a_source(), a_source(supplier="1678"))
    assessment = Assessment(item=an_item(*sources), policy=a_policy(owners=OWNERS))
    outcome = decide_sourcing(a_need(), assessment, may(4), exclude={"1678", "1580"})
    assert isinstance(outcome, NotOrderable)
    assert outcome.defects == (
        a_defect(
            "sources",
            "1580, 1678",
            "nobody but 1580, 1678 supplies item BB-7421 to plant 1710",
            "sourcing",
            "create a purchasing info record with another supplier",
            "erp",
        ),
    )


def test_all_defects_of_all_sources_are_listed_and_a_single_one_mentions_no_others() -> None:
    sources = (a_source(blocked=True), a_source(supplier="1678", lead_time_days=0))
    need, policy = a_need(), a_policy(owners=OWNERS)
    assessment = Assessment(item=an_item(*sources), policy=policy)
    both = defects_of(need, assessment, may(4), holding=["1678"])
    assert [defect.field for defect in both] == ["supplier", "lead_time_days"]
    outcome = NotOrderable(both[:1], policy)
    assert outcome.why == both[0].detail
    assert outcome.reasons()[0].policy_version == "test"
    proposal = master_data_proposal(need, both[:1], policy)
    assert proposal == Proposal(
        kind=ExceptionKind.MASTER_DATA,
        summary=f"BB-7421 can't be ordered for plant 1710: {both[0].detail}.",
        plant="1710",
        item="BB-7421",
        currency="EUR",
        defects=both[:1],
        alternatives=(Alternative(choice=Choice.RETRY, note="master data is fixed: try again"),),
        approvers=("owner of supplier",),
        rule="R3",
    )
