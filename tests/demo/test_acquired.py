"""The acquired units of the demo: their configuration is sound, and their books are read for what they are."""

import datetime as dt
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from canonical.landscape import Domain, Systems
from canonical.policy import RouteKind
from demo.acquired import (
    BOISE,
    FRESNO,
    PORTLAND,
    RENO,
    TACOMA,
    AcquiredUnit,
    common_landscape,
    home_landscape,
    needed_on,
    unit_landscape,
    unit_policy,
)
from demo.acquired_books import HeldLine, PlannedNeed, UnitsBooks
from landscape.reading import read_landscape
from landscape.snapshot import Landscape
from policies.book import PolicyBook
from runtime.landscape import clients
from settings import GatewaySettings, policy_directory

UNITS = (PORTLAND, FRESNO, TACOMA, BOISE, RENO)
DAY = dt.date(2026, 6, 22)
COMPANY = "824820a2-508c-ed11-aada-000d3a298ab3"


def written(path: Path) -> Landscape:
    text = home_landscape("http://home") + common_landscape("http://units", UNITS)
    path.write_text(text + "".join(unit_landscape(unit, f"http://units/{unit.system}", COMPANY) for unit in UNITS))
    return Landscape(read_landscape(path))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.place)
def test_each_unit_has_an_erp_of_its_own_and_its_suppliers_a_channel(tmp_path: Path, unit: AcquiredUnit) -> None:
    found = written(tmp_path / "landscape.toml")
    systems = found.systems_of(unit.plant, unit.supplier, RouteKind.DIRECT)
    assert isinstance(systems, Systems)
    assert (systems.erp, systems.planning) == (unit.system, "aps-units")
    assert systems.channel == ("cloud-suppliers" if unit is BOISE else "edi-units")
    assert found.owner(Domain.MASTER_DATA, unit.plant) == (unit.master_data or unit.system)
    assert found.owner(Domain.ORDERS, "1710") == "erp"
    assert found.senders(Domain.GOODS_RECEIPT, "1710") == ("wms-main",)


def test_what_the_landscape_says_can_be_connected(tmp_path: Path) -> None:
    from adapters.dialects import Dialects
    from runtime.systems import faults_of

    found = written(tmp_path / "landscape.toml")
    for name in ("units", "tryton"):
        (tmp_path / "secrets").mkdir(exist_ok=True)
        (tmp_path / "secrets" / name).write_text("pegline")
    settings = GatewaySettings.load(
        {"PEGLINE_DATABASE_URL": "postgresql://u:p@h/d", "PEGLINE_LANDSCAPE": str(tmp_path / "landscape.toml")}
    )
    policies = PolicyBook(policy_directory())
    now = dt.datetime.now(dt.UTC)
    assert faults_of(found, Dialects(), clients(settings), policies, lambda: now) == []


def test_a_unit_s_policy_is_one_and_goods_are_needed_on_days_on_which_people_work(tmp_path: Path) -> None:
    shutil.copytree(policy_directory(), tmp_path / "policies")
    for unit in UNITS:
        (tmp_path / "policies" / "plants" / f"{unit.plant}.toml").write_text(unit_policy(unit))
    policy = PolicyBook(tmp_path / "policies", today=lambda: DAY).effective(FRESNO.plant)
    assert policy is not None
    assert (policy.purchasing_organization, policy.consolidation_minutes) == ("Acquired Units", 0)
    assert needed_on(DAY, []) == [dt.date(2026, 8, 17), dt.date(2026, 8, 24)]
    assert needed_on(DAY, [dt.date(2026, 8, 17)])[0] == dt.date(2026, 8, 18)


def books(*held: HeldLine) -> UnitsBooks:
    needs = [PlannedNeed(f"R{number}", PORTLAND.plant, Decimal(number), DAY) for number in (1, 2)]
    return UnitsBooks(needs, {PORTLAND.plant: held}, {"R1": {"confirmed": Decimal(1)}})


def test_each_need_has_one_order_for_its_quantity_and_its_day() -> None:
    one, two = HeldLine("4500000001", Decimal("1.000"), DAY), HeldLine("4500000002", Decimal(2), DAY)
    right = books(one, two)
    assert right.faults([PORTLAND], ()) == []
    assert [right.covered_in(need, "confirmed") for need in right.needs] == [True, False]
    assert right.faults([PORTLAND], {PORTLAND.plant}) != []
    for wrong in ((one,), (one, two, two), (one, two._replace(order=one.order)), (one, two._replace(day=dt.date.max))):
        assert books(*wrong).faults([PORTLAND], ()) != []
