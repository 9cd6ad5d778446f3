"""The adapters implement the ports."""

import httpx

from adapters.aps.rest.client import RestAps
from adapters.erp.sap.client import SapErp
from adapters.erp.sap.master import SapMasterData
from adapters.ports import ApsPort, ErpPort, MasterDataPort


async def test_the_adapters_satisfy_their_ports() -> None:
    # mypy checks the signatures; the run, that a client is all they need.
    async with httpx.AsyncClient(base_url="http://sap/erp") as http:
        erp: ErpPort = SapErp(http)
        master: MasterDataPort = SapMasterData(http)
        aps: ApsPort = RestAps(http)
    assert all((erp, master, aps))
