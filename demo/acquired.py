"""The units that the bicycle maker acquired: plants with ERPs of their own, as configuration and as master data.

Decided here: which units there are, with which systems, and what stands in landscape.toml and the plants' policies for
them. Each buys the same item under the same number. Figures are ours. Pure: addresses and the day are arguments. Not
here: what happens (demo.chapters.landscape).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

ITEM, ASSEMBLY, UNIT = "CM-FRAME", "CM-BIKE", "H87"
LEAD_TIME_DAYS = 14
NEEDED_AFTER_DAYS = (56, 63)
"""Calendar days from the story's day to the two needs of each unit, or to the working day after."""
GOODS_OF, CHANNEL, CLOUD_CHANNEL, PLANNING = "wms-units", "edi-units", "cloud-suppliers", "aps-units"
NAME = "units"
"""What the units' counterparts call themselves in what they send."""
SECRET_FILE = "secrets/units"
"""Beside the landscape's file: the password, and the secret of their clients, of all simulated systems."""
TRYTON_USER, TRYTON_PASSWORD, TRYTON_SECRET_FILE = "pegline", "pegline-5t8", "secrets/tryton"
BUSINESS_UNIT, SITE = "Acquired Units", "MAIN"


@dataclass(frozen=True)
class AcquiredUnit:
    """A plant, and the system that holds its orders."""

    plant: str
    place: str
    system: str
    """Its name in the landscape."""
    called: str
    """As people call it."""
    supplier: str
    quantities: tuple[int, int]
    """Of its two needs; no other unit has the same."""
    master_data: str = ""
    """The system with its master data, where that is another one."""


PORTLAND = AcquiredUnit("2100", "Portland", "sap-east", "SAP S/4HANA, OData V4", "17300101", (110, 115))
FRESNO = AcquiredUnit("2200", "Fresno", "fusion", "Oracle Fusion", "4711", (120, 125))
TACOMA = AcquiredUnit("2300", "Tacoma", "tryton", "Tryton", "S-100", (130, 135))
BOISE = AcquiredUnit("2400", "Boise", "cloud", "Coupa, a procurement cloud", "17300102", (140, 145), "sap-east")
RENO = AcquiredUnit("2500", "Reno", "central", "Business Central", "20000", (150, 155))
"""The one that is added last."""


def home_landscape(counterparts: str) -> str:
    """The landscape of the three plants at home: an ERP, a channel, a planning system."""
    reached = f'log_on = {{ method = "basic", user = "PEGLINE", password = {{ file = "{SECRET_FILE}" }} }}\n{_PACE}'
    return f"""# Written at each start of the demo. Edit it while the demo runs.

[systems.erp]
kind = "erp"
dialect = "sap-v2"
address = "{counterparts}/erp"
sources = ["erp-main"]
{reached}
[systems.edifact]
kind = "supplier"
dialect = "edifact"
address = "{counterparts}/edi"
{reached}
[systems.aps]
kind = "planning"
dialect = "rest"
address = "{counterparts}/aps"
sources = ["aps-atlas"]
{reached}
[systems.wms]
kind = "wms"
sources = ["wms-main"]

[[owner]]
system = "erp"
domains = ["orders", "master_data", "order_document"]

[[owner]]
system = "aps"
domains = ["coverage", "requirement"]

[[owner]]
system = "wms"
domains = ["goods_receipt"]

[[channel]]
system = "edifact"
"""


_PACE = "rate = 200\ntimeout_seconds = 3\nsettle_seconds = 3\nsecond_create_seconds = 3\n"


def common_landscape(counterparts: str, units: Sequence[AcquiredUnit]) -> str:
    """What the units have in common: planning, a warehouse system, a channel to their suppliers."""
    listed = _listed(units)
    by_edi = _listed(unit for unit in units if unit is not BOISE)
    return f"""
# The acquired units: planning, warehouses and suppliers of their own.

[systems.{PLANNING}]
kind = "planning"
dialect = "rest"
address = "{counterparts}/aps"
sources = ["aps-{NAME}"]
{_PACE}
[systems.{CHANNEL}]
kind = "supplier"
dialect = "edifact"
address = "{counterparts}/edi"
{_PACE}
[systems.{GOODS_OF}]
kind = "wms"
sources = ["wms-{NAME}"]

[[owner]]
system = "{PLANNING}"
domains = ["coverage", "requirement"]
plant = {listed}

[[owner]]
system = "{GOODS_OF}"
domains = ["goods_receipt"]
plant = {listed}

[[channel]]
system = "{CHANNEL}"
plant = {by_edi}
"""


def unit_landscape(unit: AcquiredUnit, address: str, company: str = "") -> str:
    """The lines of one unit: its system, and what that owns. `address`: of the system; `company`: its id in there."""
    own = "orders, order_document" if unit.master_data else "orders, master_data, order_document"
    domains = ", ".join(f'"{each}"' for each in own.split(", "))
    rows = f"""
# {unit.place}, on {unit.called}.

[systems.{unit.system}]
kind = "{"procurement" if unit is BOISE else "erp"}"
{_spoken(unit, address, company)}{_PACE}
[[owner]]
system = "{unit.system}"
domains = [{domains}]
plant = "{unit.plant}"
"""
    if unit.master_data:
        rows += f'\n[[owner]]\nsystem = "{unit.master_data}"\ndomains = ["master_data"]\nplant = "{unit.plant}"\n'
    if unit is BOISE:
        rows += f"""
[systems.{CLOUD_CHANNEL}]
kind = "supplier"
dialect = "coupa"
address = "{address}"
{_client(f"{address}/oauth2/token")}
[[channel]]
system = "{CLOUD_CHANNEL}"
plant = "{unit.plant}"
"""
    return rows


def _spoken(unit: AcquiredUnit, address: str, company: str) -> str:
    secret = TRYTON_SECRET_FILE if unit is TACOMA else SECRET_FILE
    user = TRYTON_USER if unit is TACOMA else "PEGLINE"
    basic = f'log_on = {{ method = "basic", user = "{user}", password = {{ file = "{secret}" }} }}\n'
    match unit.system:
        case "sap-east":
            dialect, log_on, options = "sap-v4", basic, 'client = "100"'
        case "fusion":
            dialect, log_on, options = "oracle-fusion", basic, 'buyer = "buyer@units.example"'
        case "tryton":
            dialect, log_on, options = "tryton", basic, 'database = "pegline"'
        case "cloud":
            dialect, log_on, options = "coupa", _client(f"{address}/oauth2/token"), 'units = "H87=EA"'
        case _:
            dialect, log_on = "business-central", _client(f"{address}/contoso/oauth2/v2.0/token")
            options = (
                f'company = "{company}", reference_in = "extension", extension = "pegline/purchasing/v1.0", '
                f'locations = "{unit.plant}=MAIN"'
            )
            address = f"{address}/v2.0/contoso/production"
    sources = '["coupa"]' if unit is BOISE else f'["{unit.system}"]'
    if unit is TACOMA:
        # On SQLite, Tryton gives two purchases that are quoted at the same moment one number.
        log_on += "at_once = 1\n"
    return f'dialect = "{dialect}"\naddress = "{address}"\nsources = {sources}\n{log_on}options = {{ {options} }}\n'


def _client(token_url: str) -> str:
    return (
        f'log_on = {{ method = "oauth2", token_url = "{token_url}", client_id = "pegline", '
        f'client_secret = {{ file = "{SECRET_FILE}" }}, secret_in = "body" }}\n'
    )


def unit_policy(unit: AcquiredUnit) -> str:
    """The policy of a unit's plant: an order at once, and goods are in stock on the day they come."""
    return f"""# Plant {unit.plant}, {unit.place}. An acquired unit, on {unit.called}.

company_code = "{unit.plant}"
purchasing_organization = "{BUSINESS_UNIT if unit is FRESNO else "2100"}"
purchasing_group = "001"
calendar = "us-west"
office = "us-west-office"
consolidation_minutes = 0
goods_receipt_days = 0
"""


def needed_on(today: date, days_off: Collection[date]) -> list[date]:
    """The days of the units' needs: working days, each for itself."""
    found = []
    for after in NEEDED_AFTER_DAYS:
        day = today + timedelta(days=after)
        while day.weekday() > 4 or day in days_off:
            day += timedelta(days=1)
        found.append(day)
    return found


def units_model(units: Iterable[AcquiredUnit]) -> dict[str, Any]:
    """What the units' planning system plans by: an assembly, of one bought item."""
    known = {"unit": UNIT, "days": 0}
    return {
        "plants": [unit.plant for unit in units],
        "items": [{"item": ASSEMBLY, "make": True, **known}, {"item": ITEM, "make": False, **known}],
        "bom": [{"assembly": ASSEMBLY, "component": ITEM, "quantity": "1"}],
    }


def units_plan(
    units: Iterable[AcquiredUnit], days: Sequence[date], today: date, effective_at: str, version: int
) -> dict[str, Any]:
    """A version of the units' plan: a build order for each need."""
    return {
        "version": version,
        "today": today.isoformat(),
        "effective_at": effective_at,
        "bucket_weekdays": [0, 1, 2, 3, 4],
        "builds": [
            {
                "build": f"U{unit.plant}-{number}",
                "plant": unit.plant,
                "item": ASSEMBLY,
                "quantity": str(quantity),
                "date": day.isoformat(),
            }
            for unit in units
            for number, (quantity, day) in enumerate(zip(unit.quantities, days, strict=True), start=1)
        ],
    }


def sap_master_data() -> dict[str, Any]:
    """What Portland's SAP keeps: for itself, and for Boise, which orders elsewhere."""
    plants = (PORTLAND, BOISE)
    return {
        "plants": [
            {"Plant": unit.plant, "CompanyCode": unit.plant, "PurchasingOrganization": "2100"} for unit in plants
        ],
        "suppliers": [{"Supplier": unit.supplier, "SupplierName": f"Frames of {unit.place}"} for unit in plants],
        "products": [
            {
                "Product": ITEM,
                "Description": "Frame",
                "BaseUnit": "PC",
                "ProductGroup": "PARTS",
                "plants": [{"Plant": unit.plant, "PurchasingGroup": "001"} for unit in plants],
            }
        ],
        "info_records": [
            {
                "PurchasingInfoRecord": f"530000000{number}",
                "Supplier": unit.supplier,
                "Material": ITEM,
                "PurchasingOrganization": "2100",
                "PurchasingGroup": "001",
                "Plant": unit.plant,
                "OrderQuantityRounding": "1",
                "MaterialPlannedDeliveryDurn": LEAD_TIME_DAYS,
                "NetPriceAmount": "12.50",
                "Currency": "USD",
                "MaterialPriceUnitQty": "1",
                "OrderUnit": "PC",
            }
            for number, unit in enumerate(plants, start=1)
        ],
    }


def oracle_master_data() -> dict[str, Any]:
    """What Fresno's Oracle keeps."""
    terms = {
        "Item": ITEM,
        "SupplierNumber": FRESNO.supplier,
        "SupplierSite": SITE,
        "ProcurementBU": BUSINESS_UNIT,
    }
    item = {"ItemNumber": ITEM, "organizations": [FRESNO.plant], "ItemDescription": "Frame"}
    return {
        "organizations": {FRESNO.plant: f"{FRESNO.place} Manufacturing"},
        "suppliers": [{"SupplierNumber": FRESNO.supplier, "Supplier": f"Frames of {FRESNO.place}", "sites": [SITE]}],
        "items": [{**item, "ProcessingDays": LEAD_TIME_DAYS}],
        "approved_suppliers": [terms],
        "agreement_lines": [{**terms, "AgreementNumber": "52001", "Price": "12.75"}],
    }


def central_master_data() -> dict[str, Any]:
    """What Reno's Business Central keeps."""
    return {
        "vendors": [{"number": RENO.supplier, "displayName": f"Frames of {RENO.place}", "currencyCode": "USD"}],
        "locations": [{"code": "MAIN", "displayName": RENO.place}],
        "units": [{"code": "PCS", "displayName": "Piece", "internationalStandardCode": UNIT}],
        "items": [{"number": ITEM, "displayName": "Frame", "baseUnitOfMeasureCode": "PCS"}],
        "item_vendors": [
            {
                "itemNumber": ITEM,
                "vendorNumber": RENO.supplier,
                "unitOfMeasureCode": "PCS",
                "leadTimeCalculation": f"{LEAD_TIME_DAYS}D",
                "directUnitCost": 13,
                "currencyCode": "USD",
            }
        ],
    }


def tryton_master_data() -> dict[str, Any]:
    """What Tacoma's Tryton keeps, as tools/tryton/seed.py takes it."""
    prices = [{"quantity": "0", "price": "12.90"}]
    source = {"supplier": TACOMA.supplier, "lead_time_days": LEAD_TIME_DAYS, "currency": "USD", "prices": prices}
    return {
        "currency": "USD",
        "company": "Acquired Bicycles",
        "user": TRYTON_USER,
        "password": TRYTON_PASSWORD,
        "warehouses": [{"code": TACOMA.plant, "name": TACOMA.place}],
        "suppliers": [{"code": TACOMA.supplier, "name": f"Frames of {TACOMA.place}"}],
        "items": [{"code": ITEM, "name": "Frame", "unit": "u", "sources": [source]}],
    }


def _listed(units: Iterable[AcquiredUnit]) -> str:
    return "[" + ", ".join(f'"{unit.plant}"' for unit in units) + "]"
