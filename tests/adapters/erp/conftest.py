"""A SAP of our own with the master data of the orders in documents.py, and a client that is soon impatient."""

from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.erp.sap.client import SapErp
from adapters.http import make_client
from simulators.erp import create
from simulators.faults import Simulator
from tests.adapters.erp.documents import policies
from tests.adapters.erp.sap import MASTER_DATA, Mounted, Sap


@pytest.fixture
async def sap() -> AsyncIterator[Sap]:
    simulator: Simulator = create(user="PEGLINE", password="pegline")
    control = httpx.AsyncClient(base_url="http://sap", transport=httpx.ASGITransport(simulator))
    async with control, make_client("http://sap/erp", "PEGLINE", "pegline", 0.25, Mounted(simulator)) as http:
        await Sap(simulator, control, http).post("/control/master-data", MASTER_DATA)
        await Sap(simulator, control, http).put_clock("2027-01-04T08:00:00+00:00")
        yield Sap(simulator, control, http)
        await simulator.settled()


@pytest.fixture
def erp(sap: Sap) -> SapErp:
    return SapErp(
        sap.http, settle_seconds=0.5, look_every_seconds=0.05, budget_seconds=3, policies=policies(transfers=True)
    )
