"""KPIs as data: which there are, in what unit, and by which dimensions; and the calendars that they count in.

The formulas are in docs/kpis.md; the ledger computes them from what entities recorded.
"""

import datetime as dt
from decimal import Decimal
from enum import StrEnum

from canonical.base import Model


class Kpi(StrEnum):
    """A key performance indicator."""

    REQUIREMENT_TO_REQUISITION = "requirement_to_requisition"
    PLAN_TO_REQUISITION = "plan_to_requisition"
    REQUIREMENT_TO_ORDER = "requirement_to_order"
    REQUISITION_TO_ORDER = "requisition_to_order"
    LINES_ON_ORDER = "lines_on_order"
    ACKNOWLEDGMENT_LATENCY = "acknowledgment_latency"
    CONFIRMATION_LATENCY = "confirmation_latency"
    ACKNOWLEDGMENT_TIMELINESS = "acknowledgment_timeliness"
    AUTOMATED = "automated"
    QUESTION_AGEING = "question_ageing"
    INCIDENT_AGEING = "incident_ageing"
    LATE_DEMANDS = "late_demands"
    QUANTITY_DAYS_LATE = "quantity_days_late"
    DUPLICATE_RATE = "duplicate_rate"
    MANUAL_CORRECTION = "manual_correction"
    REVISIONS_PER_LINE = "revisions_per_line"
    QUANTITY_NERVOUSNESS = "quantity_nervousness"


class KpiUnit(StrEnum):
    """What a KPI's figures are in."""

    HOURS = "hours"
    """Elapsed, by the clock."""
    BUSINESS_HOURS = "business hours"
    """Of the plant's office."""
    SHARE = "share"
    """Between 0 and 1."""
    RATIO = "ratio"
    """One count for each of another."""
    QUANTITY_DAYS = "quantity × working days"
    """In the items' own units: compare within one item class."""


class Dimension(StrEnum):
    """What KPIs are filtered and grouped by."""

    PLANT = "plant"
    ITEM_CLASS = "item_class"
    SUPPLIER = "supplier"
    BUYER = "buyer"
    """Who decided; empty: no person did."""
    CRITICALITY = "criticality"
    CHANNEL = "channel"
    """The system whose plan states the need."""
    ROUTE = "route"
    POLICY_VERSION = "policy_version"


EVERY = frozenset(Dimension)
OF_ORDERS = frozenset({Dimension.PLANT, Dimension.SUPPLIER, Dimension.BUYER, Dimension.ROUTE, Dimension.POLICY_VERSION})
OF_QUESTIONS = frozenset({Dimension.PLANT, Dimension.SUPPLIER, Dimension.BUYER, Dimension.CRITICALITY})
OF_INCIDENTS = frozenset({Dimension.PLANT})


class KpiDefinition(Model):
    """What a KPI says, in a reader's words."""

    label: str
    unit: KpiUnit
    formula: str
    dimensions: frozenset[Dimension]
    of: str
    """What is counted, in the plural."""
    apart: str = ""
    """What is counted apart; empty: nothing."""


DEFINITIONS: dict[Kpi, KpiDefinition] = {
    Kpi.REQUIREMENT_TO_REQUISITION: KpiDefinition(
        label="Requirement to requisition",
        unit=KpiUnit.HOURS,
        formula="requisition created − signal received",
        dimensions=EVERY,
        of="requirements",
    ),
    Kpi.PLAN_TO_REQUISITION: KpiDefinition(
        label="Plan to requisition",
        unit=KpiUnit.HOURS,
        formula="requisition created − plan published",
        dimensions=EVERY,
        of="requirements",
    ),
    Kpi.REQUIREMENT_TO_ORDER: KpiDefinition(
        label="Requirement to order",
        unit=KpiUnit.HOURS,
        formula="order sent, revision 1 − signal received",
        dimensions=EVERY,
        of="requirements",
    ),
    Kpi.REQUISITION_TO_ORDER: KpiDefinition(
        label="Requisition to order",
        unit=KpiUnit.HOURS,
        formula="order sent, revision 1 − lines approved for it; change orders excluded",
        dimensions=EVERY,
        of="order lines",
    ),
    Kpi.LINES_ON_ORDER: KpiDefinition(
        label="Lines on order",
        unit=KpiUnit.SHARE,
        formula="lines on an order ÷ lines approved",
        dimensions=EVERY,
        of="order lines",
    ),
    Kpi.ACKNOWLEDGMENT_LATENCY: KpiDefinition(
        label="Acknowledgment latency",
        unit=KpiUnit.HOURS,
        formula="first valid answer − order revision sent",
        dimensions=OF_ORDERS,
        of="order revisions",
    ),
    Kpi.CONFIRMATION_LATENCY: KpiDefinition(
        label="Latency to full confirmation",
        unit=KpiUnit.HOURS,
        formula="all its lines confirmed − order revision sent",
        dimensions=OF_ORDERS,
        of="order revisions",
    ),
    Kpi.ACKNOWLEDGMENT_TIMELINESS: KpiDefinition(
        label="Acknowledged in time",
        unit=KpiUnit.SHARE,
        formula="orders confirmed within the SLA (business hours) ÷ orders sent whose SLA has ended",
        dimensions=OF_ORDERS,
        of="orders",
    ),
    Kpi.AUTOMATED: KpiDefinition(
        label="Automated",
        unit=KpiUnit.SHARE,
        formula="plan changes closed with no person ÷ plan changes closed",
        dimensions=EVERY,
        of="plan changes",
        apart="suppressed",
    ),
    Kpi.QUESTION_AGEING: KpiDefinition(
        label="Questions to people",
        unit=KpiUnit.BUSINESS_HOURS,
        formula="closed − opened; open ones: now − opened",
        dimensions=OF_QUESTIONS,
        of="questions",
    ),
    Kpi.INCIDENT_AGEING: KpiDefinition(
        label="Technical incidents",
        unit=KpiUnit.BUSINESS_HOURS,
        formula="closed − opened; open ones: now − opened",
        dimensions=OF_INCIDENTS,
        of="incidents",
    ),
    Kpi.LATE_DEMANDS: KpiDefinition(
        label="Orders late for material",
        unit=KpiUnit.SHARE,
        formula="demands with material later than required ÷ demands scheduled in the period",
        dimensions=EVERY,
        of="demands",
    ),
    Kpi.QUANTITY_DAYS_LATE: KpiDefinition(
        label="Quantity × working days late",
        unit=KpiUnit.QUANTITY_DAYS,
        formula="Σ late quantity × working days after the required date",
        dimensions=EVERY,
        of="requirements",
    ),
    Kpi.DUPLICATE_RATE: KpiDefinition(
        label="Duplicate documents",
        unit=KpiUnit.SHARE,
        formula="duplicates created ÷ documents",
        dimensions=OF_ORDERS,
        of="orders",
        apart="prevented",
    ),
    Kpi.MANUAL_CORRECTION: KpiDefinition(
        label="Corrected by hand",
        unit=KpiUnit.SHARE,
        formula="orders edited outside Pegline ÷ orders placed",
        dimensions=OF_ORDERS,
        of="orders",
    ),
    Kpi.REVISIONS_PER_LINE: KpiDefinition(
        label="Revisions per order line",
        unit=KpiUnit.RATIO,
        formula="revisions that the supplier saw after the first ÷ order lines sent",
        dimensions=EVERY,
        of="order lines",
    ),
    Kpi.QUANTITY_NERVOUSNESS: KpiDefinition(
        label="Quantity changed",
        unit=KpiUnit.RATIO,
        formula="Σ |Δ quantity| ÷ Σ quantity first ordered",
        dimensions=EVERY,
        of="order lines",
    ),
}


class BusinessClock(Model):
    """Business seconds of an office as a table, so that a database can subtract them as well as we can."""

    opens: tuple[int, ...]
    """The Unix seconds at which the office opens, day by day."""
    lengths: tuple[int, ...]
    """Seconds that it is open from there."""
    elapsed: tuple[int, ...]
    """Business seconds from the table's beginning until it opens."""


class PlantPeriod(Model):
    """A period at a plant, in the plant's days; and the calendars in which its KPIs are counted."""

    plant: str
    zone: str
    first_day: dt.date
    last_day: dt.date
    since: int
    """Unix seconds of its beginning."""
    until: int
    """Unix seconds of its end, exclusive."""
    at: int
    """The moment up to which open ones age: its end, or now if that is earlier."""
    day: dt.date
    """The plant's day of that moment."""
    clock: BusinessClock
    working_days: tuple[dt.date, ...]
    sla_seconds: int
    """Business seconds that a supplier has for an answer (R16)."""


class Spread(Model):
    """Durations by nearest rank, in the KPI's unit; None: there are none."""

    count: int = 0
    p50: Decimal | None = None
    p90: Decimal | None = None
    p95: Decimal | None = None
    longest: Decimal | None = None


class KpiFigure(Model):
    """A KPI's figures of a period, of everything or of one group."""

    kpi: Kpi
    group: str | None = None
    """The value of the dimension grouped by; None: not grouped."""
    closed: Spread | None = None
    """Of a duration: those that ended in the period."""
    open: Spread | None = None
    """The age of those still open at the period's end."""
    value: Decimal | None = None
    """Of a share, ratio or sum; None: nothing to divide by."""
    counted: Decimal | None = None
    of: Decimal | None = None
    apart: int | None = None
    """Suppressed changes, prevented duplicates."""
