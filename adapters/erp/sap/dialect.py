"""The dialect `sap-v2`: S/4HANA by its OData V2 services."""

from collections.abc import Mapping

from adapters.dialects import Connection, ErpDialect, ErpSystem, OptionError
from adapters.erp.sap.check import V2_SERVICES, SapCheck
from adapters.erp.sap.client import SapErp
from adapters.erp.sap.master import SapMasterData
from adapters.erp.sap.people import SapPeople
from adapters.erp.sap.stock import CHECKED, OPTION, SapStock, is_read

MASTER_DATA_SECONDS = 120.0
"""How old the master data behind an assessment may be."""

CLIENT = "the client of the SAP system, three digits; without, its default"
OPTIONS = {
    "client": CLIENT,
    "stock": OPTION,
    "repeatable_requests": '"on", or "off" where SAP\'s idempotency framework is not set up',
}


def choose_client(connection: Connection, options: Mapping[str, str]) -> None:
    """Have every call name the client of the SAP system that the options name. Raises OptionError."""
    client = options.get("client")
    if client is None:
        return
    if not (len(client) == 3 and client.isascii() and client.isdigit()):
        raise OptionError("client", client, CLIENT)
    connection.client.headers["sap-client"] = client


class SapV2:
    """Implements adapters.dialects.ErpDialect."""

    def connect(self, connection: Connection) -> ErpSystem:
        """One S/4HANA. Raises OptionError."""
        options = connection.own_options(OPTIONS)
        choose_client(connection, options)
        repeatable = options.get("repeatable_requests", "on")
        if repeatable not in ("on", "off"):
            raise OptionError("repeatable_requests", repeatable, OPTIONS["repeatable_requests"])
        orders = SapErp(
            connection.client,
            settle_seconds=connection.settle_seconds,
            second_create_seconds=connection.second_create_seconds,
            repeatable=repeatable == "on",
            policies=connection.policies,
            now=connection.now,
        )
        master_data = SapMasterData(
            connection.client,
            cache_seconds=MASTER_DATA_SECONDS,
            policies=connection.policies,
            today=connection.today,
        )
        people = SapPeople(connection.client, connection.policies)
        stock = SapStock(connection.client, connection.policies, connection.now) if is_read(options) else None
        services = (*V2_SERVICES, *((CHECKED,) if stock else ()))
        check = SapCheck(connection.client, connection.now, services=services)
        return ErpSystem(orders, master_data, duplicates=orders, check=check, people=people, stock=stock)


DIALECT: ErpDialect = SapV2()
