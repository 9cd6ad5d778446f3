"""Plant policy: every threshold that a decision uses, as data."""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from canonical.base import Code, Criticality, DayOrNone, Label, Model, PositiveQuantity, Share, UnitCode
from canonical.calendar import Calendar

Days = Annotated[int, Field(ge=0, le=400)]
PartOfOne = Annotated[Decimal, Field(ge=0, le=1)]


class Dampener(Model):
    """R4: a change within the limits of quantity and date is not acted on."""

    quantity: Decimal = Decimal(10)
    """Pieces; other units than those that count pieces go by `share` alone."""
    quantity_share_max: Share = Decimal("0.2")
    """The most that `quantity` may be of the quantity last acted on: 10 of 2 pieces are not few."""
    share: Share = Decimal("0.05")
    earlier_working_days: Days = 1
    later_working_days: Days = 5


class Tolerance(Model):
    """R8: the deviations that a supplier's answer may have without a person; shares of the ordered value."""

    quantity_less: Share = Decimal("0.03")
    quantity_more: Share = Decimal("0.01")
    price_more: Share = Decimal("0.01")
    price_less: Share = Decimal("0.50")
    """A price that is lower by more is more likely a slip of the decimal mark, or of another unit."""
    later_working_days: Days = 0


class Escalation(Model):
    """R16: the escalation schedule, in shares of the SLA; the SLA in business hours."""

    sla_hours: Annotated[int, Field(gt=0)] = 16
    reminder_at: Share = Decimal("0.5")
    buyer_at: Share = Decimal("1.0")
    manager_at: Share = Decimal("1.5")


class Delivery(Model):
    """When the delivery of an order line counts as completed though some of it is missing."""

    may_lack: PartOfOne = Decimal(0)
    """The share of the ordered quantity that may be missing; the line is then completed with the last receipt."""
    receipts_within_minutes: Annotated[int, Field(ge=0, le=10_000)] = 60
    """How long a receipt may take from the ERP to here: a delivery found completed there is so after this time."""


class Overdue(Model):
    """R16: a confirmed date that passed without a receipt; in plant working days after it."""

    reminder_days: Annotated[int, Field(ge=1, le=400)] = 1
    question_days: Annotated[int, Field(ge=1, le=400)] = 3


class PromiseRules(Model):
    """R17: when a person is warned of a promise before it is late."""

    warn_above: PartOfOne = Decimal(1)
    """The chance of missing a pegged date above which a confirmed line is put to the buyer; 1: never."""


class SupplierRules(Model):
    """What a supplier is spared."""

    revisions_per_line_max: Annotated[Decimal, Field(ge=0, le=100)] = Decimal("0.5")
    """The change budget: revisions of an order line that a supplier sees, on average; shown, and marked beyond it."""


class ExchangeRate(Model):
    """The value of one unit of a currency in the company's currency, from a day on."""

    rate: Decimal
    since: DayOrNone = None
    """None: there is no earlier rate."""


def _dated(rates: Any) -> Any:
    """A bare number is the rate of all days."""
    return rates if isinstance(rates, list | tuple) else ({"rate": rates},)


ExchangeRates = Annotated[tuple[ExchangeRate, ...], BeforeValidator(_dated)]


class Approval(Model):
    """R15: the value (company currency) up to which a change needs no approval, by criticality; and the exchange rates
    by which values and costs in other currencies are compared.
    """

    currency: str = "EUR"
    rates: dict[str, ExchangeRates] = Field(default={"EUR": 1}, validate_default=True)
    free_up_to: dict[Criticality, Decimal] = {
        Criticality.A: Decimal(0),
        Criticality.B: Decimal(500),
        Criticality.C: Decimal(1000),
    }
    manager_from: Decimal = Decimal(25000)

    def rate_on(self, currency: str, day: dt.date) -> Decimal | None:
        """The value of one unit of the currency on that day, in the company's; None: none is known."""
        known = [each for each in self.rates.get(currency, ()) if each.since is None or each.since <= day]
        return max(known, key=lambda each: each.since or dt.date.min).rate if known else None


class OutsideApproval(Model):
    """R15: how an approval that another system's own people give is waited for."""

    first_look_minutes: Annotated[int, Field(ge=1, le=1440)] = 5
    """The pause before it is looked at; each further pause is twice as long."""
    longest_pause_minutes: Annotated[int, Field(ge=1, le=1440)] = 120
    question_hours: Annotated[int, Field(ge=1, le=1000)] = 16
    """Business hours of the buyer after which they are asked about it."""


class RouteKind(StrEnum):
    """How a plant gets an item."""

    DIRECT = "direct"
    """Bought from a supplier."""
    TRANSFER = "transfer"
    """Moved from another plant by a stock transport order; the other plant gets a requirement of its own."""
    SUBCONTRACT = "subcontract"
    """Made by a supplier from components that the plant provides; each component is a requirement pegged to the order.
    """


class RouteRule(Model):
    """A route that the plant uses, in the order of the list."""

    kind: RouteKind
    supplying_plant: Code | None = None
    """Of a transfer."""
    transit_days: Days = 2
    """For a transfer: working days of the receiving plant from dock to dock."""
    components_lead_days: Days = 2
    """For a subcontract: how many working days before its lead time begins the supplier has the components."""


class Quota(Model):
    """R14: a supplier's share of an item, and the quantity it starts from."""

    share: Annotated[Decimal, Field(gt=0)]
    base: Annotated[Decimal, Field(ge=0)] = Decimal(0)


class SubstituteItem(Model):
    """An item that may be used instead of another: a one-way relationship, kept at the item that it replaces."""

    item: Code
    quantity: PositiveQuantity = Decimal(1)
    per: PositiveQuantity = Decimal(1)
    """The ratio: `quantity` of it replaces `per` base units of the item."""
    unit: UnitCode | None = None
    """Of `quantity`; None: the base unit of the item that it replaces."""
    effective_from: DayOrNone = None
    effective_to: DayOrNone = None
    """The days of use for which it holds, both included; None: without limit."""
    assemblies: Annotated[tuple[Code, ...], Field(max_length=100)] = ()
    """The assemblies that it may go into; empty: any."""
    approval: Label | None = None
    """Who has approved that the items are interchangeable, or by which document: shown to whoever decides."""


class SubstitutionRules(Model):
    """How the use of a substitute item is waited for."""

    plan_within_days: Annotated[int, Field(ge=1, le=400)] = 5
    """Working days in which the plan follows an approved substitution; after that the buyer is asked again."""


class QuestionRules(Model):
    """How questions to people are decided."""

    undo_minutes: Annotated[int, Field(ge=0, le=1440)] = 0
    """How long a decision may be taken back by who made it; it is carried out after that. 0: it is at once."""


class Disposal(Model):
    """R13: the options for quantities that an engineering change leaves without use; shares of their value."""

    use_up_days: Days = 180
    """Calendar days from the effectivity date in which kept quantities are used elsewhere; 0: nothing is kept."""
    return_within_days: Days = 90
    """Calendar days from receipt in which the supplier takes goods back; 0: it takes nothing back."""
    return_share: PartOfOne = Decimal("0.15")
    """The share of the credit that the supplier keeps for restocking."""
    salvage_share: PartOfOne = Decimal("0.10")
    """The share of the value that scrap still has."""
    rework: bool = False
    """Whether the item can be reworked into something that is used."""
    rework_share: Share = Decimal("0.40")
    """The cost of rework as a share of the value."""
    late_cancellation_share: PartOfOne = Decimal("0.30")
    """The supplier's charge for a cancellation past its cut-off."""


class LeadTime(Model):
    """The range of plausible lead times; a requisition is converted only with one inside it."""

    minimum_days: Days = 1
    maximum_days: Days = 365
    """A longer one is more likely a typing error."""


class Absence(Model):
    """Out of office, both days included; the delegate is asked instead."""

    first_day: dt.date
    last_day: dt.date
    delegate: str


class Role(Model):
    """A role that decides: its hours and its absences."""

    calendar: Calendar | None = None
    """None: the plant's office hours."""
    absences: tuple[Absence, ...] = ()


class Ownership(Model):
    """Which systems own a data domain and alone may change it: CloudEvents sources, * for any; empty: nobody."""

    requirement: tuple[str, ...] = ()
    supplier_answer: tuple[str, ...] = ()
    shipment: tuple[str, ...] = ()
    goods_receipt: tuple[str, ...] = ()
    order_document: tuple[str, ...] = ()
    bill_of_material: tuple[str, ...] = ()
    stock: tuple[str, ...] = ()
    """Available stock."""
    consumption: tuple[str, ...] = ()
    """Unplanned use of it; empty: those who own the stock."""


class DefectOwners(Model):
    """Which role fixes master data, by domain."""

    item: str = "planner"
    unit: str = "planner"
    supplier: str = "buyer"
    lead_time: str = "buyer"
    lots: str = "buyer"
    price: str = "buyer"
    sourcing: str = "buyer"
    calendar: str = "purchasing-manager"
    policy: str = "purchasing-manager"


class PlanRules(Model):
    """What a plan run may do without a person, and how many changes are in flight at once."""

    error_share_max: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.02")
    """The share of lines that may be refused; beyond it, the run stops before it changes anything."""
    withdraw_share_max: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.10")
    """The share of open needs that a whole plan may withdraw without a person."""
    batch_lines: Annotated[int, Field(ge=1, le=5000)] = 200
    """How many changes are handed over at a time; at most twice as many are in flight."""
    changes_per_second: Annotated[int, Field(ge=0, le=10_000)] = 0
    """The most changes handed over a second; 0: no limit."""
    runs_kept: Annotated[int, Field(ge=1, le=1000)] = 24
    """How many runs of a source are kept with their lines."""


ErpCode = Annotated[str, Field(max_length=4, pattern=r"^[A-Za-z0-9_.-]*$")]
"""A code of the ERP's customizing; empty: the ERP's own default."""
ErpField = Annotated[str, Field(max_length=60, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
"""The name of a field in the ERP's interface."""
_Object = Annotated[str, Field(max_length=24, pattern=r"^[^\p{Cc}]*$")]


class AccountAssignment(Model):
    """What bears the cost of purchased items; without a category they go into stock."""

    category: Annotated[str, Field(max_length=1)] = ""
    gl_account: _Object = ""
    cost_center: _Object = ""
    internal_order: _Object = ""
    wbs_element: _Object = ""


class ErpDocuments(Model):
    """How the ERP's documents of a plant are written and found again; all of it is customizing there."""

    requisition_type: ErpCode = "NB"
    order_type: ErpCode = "NB"
    transfers: bool = False
    """Whether stock transport orders are written: SAP does not list them for its purchase order service."""
    transfer_type: ErpCode = "UB"
    item_categories: dict[RouteKind, Annotated[str, Field(max_length=1)]] = {
        RouteKind.DIRECT: "",
        RouteKind.SUBCONTRACT: "3",
        RouteKind.TRANSFER: "7",
    }
    order_number_prefix: Annotated[str, Field(max_length=4, pattern=r"^[A-Z0-9]*$")] = ""
    """Empty: the ERP numbers the orders; else Pegline does, with this before characters of the order's reference."""
    order_reference_field: ErpField = "CorrespncExternalReference"
    """Holds the twelve characters by which an order is found again."""
    requisition_reference_field: ErpField = "PurReqnExternalReference"
    multiple_field: ErpField = "YY1_OrderMultiple_PIR"
    """Holds the order multiple in an info record; SAP publishes no field for it."""
    blocking_status: dict[ErpCode, Annotated[str, Field(max_length=60)]] = {
        "01": "blocked for procurement and warehouse"
    }
    """The statuses of a material at the plant with which it can't be ordered, in words; without words it can."""
    units: dict[str, tuple[Annotated[str, Field(min_length=1, max_length=3)], ...]] = {}
    """By UN/ECE code, the ERP's codes where they differ from the usual ones; the first is written, all are read."""
    storage_location: ErpCode = ""
    confirmation_control: ErpCode = ""
    """With which control key an item takes the supplier's confirmations; empty: as the ERP derives it."""
    tax_code: Annotated[str, Field(max_length=2)] = ""
    account_assignment: AccountAssignment = AccountAssignment()


class Edifact(Model):
    """How EDIFACT documents are exchanged with a supplier."""

    directory: Annotated[str, Field(pattern=r"^(9[3-9]|0[0-9]|1[0-9]|2[0-3])[AB]$")] = "96A"
    """Of the documents sent to it."""
    addresses: tuple[Annotated[str, Field(min_length=1, max_length=35)], ...] = ()
    """Its interchange addresses, the one to write to first; empty: it is written to by its number, and may answer from
    any.
    """


class LinePolicy(Model):
    """The policy values that an order needs for one line (item and supplier may have rules of their own)."""

    version: str
    tolerance: Tolerance
    frozen_zone_days: Days
    shared_lines: bool = False
    delivery: Delivery = Delivery()
    warn_above: PartOfOne = Decimal(1)
    """R17."""


class PlantPolicy(Model):
    """The effective policy of a plant, or of an item and a supplier there where they have rules of their own."""

    plant: Code
    version: str
    """A digest of the effective values: equal values are one version."""
    company_code: str
    purchasing_organization: str
    purchasing_group: str = "001"
    calendar: Calendar
    office: Calendar
    """The business hours of the roles, by which escalations run."""
    consolidation_minutes: Annotated[int, Field(ge=0)] = 15
    """How long an order consolidates lines of the same plant, supplier and terms; 0: an order each."""
    order_lines_max: Annotated[int, Field(ge=1, le=200)] = 40
    consolidation_days: Days = 10
    """Lines whose dock dates lie within this many calendar days may share an order."""
    shared_lines: bool = False
    """Whether supply requests of one consolidation batch for the same item, terms and dock date share an order line
    (R11, R12).
    """
    processing_days: Days = 1
    goods_receipt_days: Days = 2
    frozen_zone_days: Days = 5
    expedite_days_gained: Days = 10
    expedite_cost_share: Share = Decimal("0.08")
    dampener: Dampener = Dampener()
    tolerance: Tolerance = Tolerance()
    delivery: Delivery = Delivery()
    escalation: Escalation = Escalation()
    overdue: Overdue = Overdue()
    promises: PromiseRules = PromiseRules()
    suppliers: SupplierRules = SupplierRules()
    approval: Approval = Approval()
    outside_approval: OutsideApproval = OutsideApproval()
    routes: tuple[RouteRule, ...] = (RouteRule(kind=RouteKind.DIRECT),)
    """The permitted routes, the preferred first."""
    quotas: dict[Code, Quota] = {}
    """R14: by supplier (or supplying plant); empty: by preference."""
    tie_break: Literal["preference", "price", "lead_time"] = "price"
    """Decides between sources of one preference that can all keep the date: the cost of the lots to order, the lead
    time, or (`preference`) the order in master data.
    """
    substitutes: Annotated[tuple[SubstituteItem, ...], Field(max_length=20)] = ()
    """Of the item that a rule names, the preferred first."""
    substitution: SubstitutionRules = SubstitutionRules()
    matching_days: Days = 5
    """R1: how many working days a need without a stable reference may have moved."""
    plan: PlanRules = PlanRules()
    questions: QuestionRules = QuestionRules()
    disposal: Disposal = Disposal()
    lead_time: LeadTime = LeadTime()
    supplier_calendar: Calendar | None = None
    """For an item and supplier, or a supplier; None: master data's calendar."""
    erp: ErpDocuments = ErpDocuments()
    edifact: Edifact = Edifact()
    ownership: Ownership = Ownership()
    owners: DefectOwners = DefectOwners()
    roles: dict[str, Role] = {}
    """By name; a role without an entry keeps the office's hours and is never away."""
    planner: str = "planner"
    buyer: str = "buyer"
    manager: str = "purchasing-manager"

    def for_line(self) -> LinePolicy:
        """The values that an order line keeps."""
        return LinePolicy(
            version=self.version,
            tolerance=self.tolerance,
            frozen_zone_days=self.frozen_zone_days,
            shared_lines=self.shared_lines,
            delivery=self.delivery,
            warn_above=self.promises.warn_above,
        )
