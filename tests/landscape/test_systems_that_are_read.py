"""frePPLe, an MES and a WMS are lines of the landscape: what they own is theirs, and a faulty mapping is named."""

import datetime as dt
import re
from pathlib import Path

import httpx
import pytest

from adapters.dialects import Dialects
from canonical.landscape import Domain
from landscape.book import LandscapeBook
from landscape.reading import LandscapeError
from landscape.snapshot import Landscape
from policies.book import PolicyBook
from runtime.plan_sources import PlansOfSystems
from runtime.system_documents import DocumentsOfSystems
from runtime.system_workers import queue_rates
from runtime.systems import SystemPool, faults_of

NOW = dt.datetime(2027, 1, 5, tzinfo=dt.UTC)
POLICIES = PolicyBook(Path("policies"), today=NOW.date)
DIALECTS = Dialects(lambda group: ())
WRITTEN = """
[systems.frepple-west]
kind = "planning"
dialect = "frepple"
address = "https://frepple.example"
options = { locations = "1710=Factory 1" }
sources = ["frepple", "/frepple/*"]

[systems.aps]
kind = "planning"
dialect = "rest"
address = "https://aps.example"

[systems.mes-west]
kind = "mes"
dialect = "b2mml"
options = { plant = "1710" }
mapping.units = { KG = "KGM" }
mapping.uses = { Consumed = "planned", Scrap = "unplanned" }

[systems.wms-west]
kind = "wms"
sources = ["/wms/west"]

[[owner]]
system = "aps"
domains = ["coverage"]

[[owner]]
system = "frepple-west"
domains = ["coverage", "requirement"]
plant = ["1710", "1730"]

[[owner]]
system = "mes-west"
domains = "consumption"
plant = "1710"
"""


def a_pool(folder: Path, text: str = WRITTEN) -> SystemPool:
    path = folder / "landscape.toml"
    path.write_text(text)

    def client_of(*_: object) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(500)))

    def check(found: Landscape) -> list[str]:
        return faults_of(found, DIALECTS, client_of, POLICIES, lambda: NOW)

    return SystemPool(LandscapeBook(path, now=lambda: NOW, check=check), DIALECTS, POLICIES, client_of, lambda: NOW)


def test_plans_are_read_where_the_system_owns_the_requirements(tmp_path: Path) -> None:
    found = PlansOfSystems(a_pool(tmp_path), POLICIES)()
    assert [(each.system, each.source, each.plant, each.every_seconds) for each in found] == [
        ("frepple-west", "frepple", "1710", 900.0),
        ("frepple-west", "frepple", "1730", 900.0),
    ]


async def test_documents_are_read_of_systems_that_have_a_dialect(tmp_path: Path) -> None:
    pool = a_pool(tmp_path)
    readers = DocumentsOfSystems(pool)
    mes = readers("mes-west")
    assert mes is not None
    assert mes.source == "mes-west"
    assert pool.landscape.senders(Domain.CONSUMPTION, "1710") == ("mes-west",), "it needs no source of its own"
    assert [readers(name) for name in ("wms-west", "frepple-west", "nobody")] == [None, None, None]
    steps = [(step.what, step.outcome, step.detail) async for step in pool.check("mes-west").check()]
    assert steps == [
        ("documents", "ok", "it posts them to /v1/systems/mes-west/documents"),
        ("mapping", "ok", "1 units, 2 uses"),
    ]
    assert "mes-west" not in queue_rates(pool.landscape), "nobody calls it"
    explained = {row.what: row.answer for row in pool.landscape.explain("1710")}
    assert explained["consumption"] == "mes-west (mes by b2mml)"
    assert explained["stock"] == "as the plant's policy says (ownership)"


CLOUD = """
[systems.cloud]
kind = "procurement"
dialect = "coupa"
address = "https://cloud.example"
rate = 20

[[owner]]
system = "cloud"
domains = "orders"
plant = "1730"
"""


def test_a_procurement_system_holds_orders_with_a_queue_of_its_own(tmp_path: Path) -> None:
    landscape = a_pool(tmp_path, WRITTEN + CLOUD).landscape
    assert landscape.owner(Domain.ORDERS, "1730") == "cloud"
    assert list(landscape.ordering) == ["cloud"]
    rate = queue_rates(landscape)["cloud"]
    assert (rate.per_second, rate.at_once) == (4.0, 20)
    with pytest.raises(LandscapeError, match="cloud has no dialect, so that no order can be placed there"):
        a_pool(tmp_path, WRITTEN + CLOUD.replace('dialect = "coupa"', ""))
    with pytest.raises(
        LandscapeError, match="wms-west is of kind wms; orders needs an owner of kind erp or procurement"
    ):
        a_pool(tmp_path, WRITTEN + CLOUD.replace('system = "cloud"', 'system = "wms-west"'))


@pytest.mark.parametrize(
    ("instead_of", "written", "fault"),
    [
        ('KG = "KGM"', 'KG = "KILO"', r"line 14: systems.mes-west.mapping.units.KG = 'KILO': must be a UN/ECE"),
        ('Scrap = "unplanned"', 'Scrap = "lost"', r"mapping.uses.Scrap = 'lost': must be one of unplanned, planned"),
        ('"b2mml"', '"b3mml"', r"line 14: systems.mes-west: 'b3mml' is no mes dialect; there are: b2mml, mapped"),
        ("1710=Factory 1", "1710", r"systems.frepple-west.options.locations = '1710': frePPLe's locations by plant"),
    ],
)
def test_a_faulty_line_is_not_taken_up(tmp_path: Path, instead_of: str, written: str, fault: str) -> None:
    assert instead_of in WRITTEN
    with pytest.raises(LandscapeError, match=fault):
        a_pool(tmp_path, WRITTEN.replace(instead_of, written)).landscape  # noqa: B018


@pytest.mark.parametrize("section", ["frePPLe", "MES by B2MML", "PLM by PDX", "WMS, PLM and other systems by mapping"])
def test_the_documented_lines_are_taken_up(tmp_path: Path, section: str) -> None:
    page = Path("docs/systems.md").read_text(encoding="utf-8")
    found = re.search(rf"## {re.escape(section)}\n.*?```toml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    pool = a_pool(tmp_path, found.group(1))
    [name] = pool.landscape.systems
    assert pool.check(name)
