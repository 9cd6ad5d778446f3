"""Whole plans of two plants, one after the other, and what they come to in every book when nobody can tell them apart.

Two versions of a plan a plant: the second leaves lines out, changes some slightly and some much, and has new ones; each
has a line that is bad and some without a reference. One plant orders at once, the other collects.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import asyncpg
import httpx
from sqlalchemy import make_url
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper

from tests.scenarios.master_data import in_days

Found = TypeVar("Found")
AT_ONCE, CONSOLIDATING = PLANTS = ("1710", "1720")
PARTS = tuple(f"PART-{number}" for number in range(8))
SUPPLIERS = ("17300001", "17300002")
LOT = 10
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, httpx.TransportError)
"""How somebody who looks finds that the database or the gateway is dying."""
WINDOW = timedelta(minutes=1)
"""How long orders of the plant that collects are open: the shortest there is."""


class Site(Protocol):
    """An installation that takes plans in."""

    client: Client
    people: httpx.AsyncClient
    control: httpx.AsyncClient
    database_url: str
    queue: str
    source: str


def master_data() -> dict[str, Any]:
    """Each part at both plants, from one supplier."""
    return {
        "plants": [{"Plant": plant, "CompanyCode": plant, "PurchasingOrganization": "1710"} for plant in PLANTS],
        "suppliers": [{"Supplier": supplier, "SupplierName": f"Supplier {supplier}"} for supplier in SUPPLIERS],
        "products": [
            {
                "Product": part,
                "Description": part.title(),
                "BaseUnit": "EA",
                "ProductGroup": "L001",
                "plants": [{"Plant": plant, "GoodsReceiptDuration": 1, "PurchasingGroup": "001"} for plant in PLANTS],
            }
            for part in PARTS
        ],
        "info_records": [
            {
                "PurchasingInfoRecord": f"53{100 * place + number:08d}",
                "Supplier": SUPPLIERS[number % len(SUPPLIERS)],
                "Material": part,
                "PurchasingOrganization": "1710",
                "Plant": plant,
                "MinimumPurchaseOrderQuantity": str(LOT),
                "OrderQuantityRounding": str(LOT),
                "MaximumOrderQuantity": "1000",
                "MaterialPlannedDeliveryDurn": 14,
                "NetPriceAmount": "0.50",
                "Currency": "USD",
                "preference": 1,
            }
            for place, plant in enumerate(PLANTS, 1)
            for number, part in enumerate(PARTS)
        ],
    }


Line = dict[str, Any]
GONE_EVERY = 20


def gone(lines: int) -> int:
    """How many lines of version 1 are not in version 2."""
    return sum(number % GONE_EVERY == 5 for number in range(lines))


def _line(number: int, quantity: int) -> Line:
    due = in_days(60 + number % 9).isoformat()
    line = {"item": PARTS[number % len(PARTS)], "quantity": str(quantity), "unit": "EA", "required_date": due}
    # C: what it costs to change a line needs nobody's approval.
    pegging = [{"demand": f"BUILD-{number}", "quantity": quantity, "date": due, "criticality": "C"}]
    named = {} if number % 10 == 7 else {"demand_reference": f"D{number:03}"}
    return {**line, **named, "pegging": pegging}


def first_plan(lines: int) -> list[Line]:
    """Version 1; each quantity once, so that R1 finds what has no reference."""
    bad = {**_line(lines, 5), "unit": ""}
    return [*(_line(number, 31 + 10 * (number % 50)) for number in range(lines)), bad]


def second_plan(lines: int) -> list[Line]:
    """Version 2: one in twenty is gone, one in ten changed much, one in ten fell slightly, some are new.

    A slight rise would be left alone by R4, and be told as a shortage that waits for a person.
    """
    kept: list[Line] = []
    for number, line in enumerate(first_plan(lines)[:-1]):
        quantity = int(line["quantity"])
        if number % GONE_EVERY == 5:
            continue
        if number % 10 == 1:
            quantity += 150
        elif number % 10 == 2:
            quantity -= 2
        kept.append(line if quantity == int(line["quantity"]) else _line(number, quantity))
    new = [_line(number, 40) for number in range(lines + 1, lines + 7) if number % 10 != 7]
    return [*kept, *new, {**_line(lines, 5), "required_date": "soon"}]


# -- what senders and clocks do


async def upload(site: Site, plant: str, version: int, lines: Sequence[Line], seconds: float = 0.0) -> None:
    """Send a plan, over so many seconds, and again until it is taken in, as a sender does."""
    rows = [json.dumps(line).encode() + b"\n" for line in lines]

    async def body() -> AsyncIterator[bytes]:
        for row in rows:
            yield row
            await asyncio.sleep(seconds / len(rows))

    query = {"source": site.source, "plant": plant, "version": str(version)}
    while True:
        with suppress(httpx.TransportError):
            answer = await site.people.post(
                "/v1/plan-runs", params=query, content=body(), headers={"Content-Type": "application/x-ndjson"}
            )
            if answer.status_code == 202:
                return
            assert answer.status_code == 503, f"{answer.status_code}: {answer.text}"
        await asyncio.sleep(0.1)


@asynccontextmanager
async def clocks_running(site: Site) -> AsyncIterator[None]:
    """The clocks of orders that collect run fast."""

    async def run() -> None:
        skipper = TimeSkipper(site.client)
        consolidating = f"TaskQueue='{site.queue}' AND ExecutionStatus='Running' AND PeglineStage='consolidating'"
        while True:
            found = [each.id async for each in site.client.list_workflows(consolidating)]
            await asyncio.gather(*(_step(skipper, site.client, each) for each in found))
            await asyncio.sleep(0.5)

    clocks = asyncio.create_task(run())
    try:
        yield
    finally:
        clocks.cancel()
        await asyncio.wait([clocks])


async def _step(skipper: TimeSkipper, client: Client, workflow_id: str) -> None:
    with suppress(TimeoutError, RPCError):
        async with asyncio.timeout(2):
            await skipper.fast_forward(client.get_workflow_handle(workflow_id), WINDOW)


# -- what is looked at


async def plan_stages(site: Site) -> dict[tuple[str, int], str]:
    """How far each plan is."""
    connection = await connected(site)
    try:
        return {
            (row["plant"], row["version"]): row["stage"]
            for row in await connection.fetch("SELECT plant, version, stage FROM plan_run ORDER BY number")
        }
    finally:
        await connection.close()


async def all_acted_on(site: Site) -> bool:
    """Whether every need that was delivered has been acted on: what a small change is measured from (R4)."""
    connection = await connected(site)
    try:
        return (
            await connection.fetchval("SELECT bool_and(stage IS NOT DISTINCT FROM 'covered') FROM requirement") is True
        )
    finally:
        await connection.close()


async def until(look: Callable[[], Awaitable[Found | None]], what: Callable[[], str] | str, seconds: float) -> Found:
    """Look until it is so; that the database or the gateway is away meanwhile only takes longer."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        with suppress(*AWAY):
            if found := await look():
                return found
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what() if callable(what) else what}")
        await asyncio.sleep(0.2)


async def connected(site: Site) -> asyncpg.Connection:
    """To the installation's database; closed by whoever asked."""
    url = make_url(site.database_url)
    return await asyncpg.connect(host=str(url.query["host"]), user=url.username, database=url.database, timeout=5)
