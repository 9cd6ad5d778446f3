"""The dialect `sap-v4`: S/4HANA by its OData V4 services, and by those of V2 that have no successor."""

from adapters.dialects import Connection, ErpDialect, ErpSystem
from adapters.erp.sap.check import CheckedService, SapCheck
from adapters.erp.sap.client import SapErp
from adapters.erp.sap.dialect import CLIENT, MASTER_DATA_SECONDS, choose_client
from adapters.erp.sap.master import SapMasterData
from adapters.erp.sap.odata import ROOT as V2_ROOT
from adapters.erp.sap.stock import CHECKED, OPTION, SapStock, is_read
from adapters.erp.sap_v4.fields import USED, USED_BY_V2
from adapters.erp.sap_v4.odata import ROOT
from adapters.erp.sap_v4.people import V4People
from adapters.erp.sap_v4.products import V4Products
from adapters.erp.sap_v4.purchasing import V4Purchasing

OPTIONS = {"client": CLIENT, "stock": OPTION}

SERVICES = (
    *(CheckedService(service.name, f"{ROOT}/{service.path}", used) for service, used in USED.items()),
    *(CheckedService(name, f"{V2_ROOT}/{name}", used) for name, used in USED_BY_V2.items()),
)


class SapV4:
    """Implements adapters.dialects.ErpDialect."""

    def connect(self, connection: Connection) -> ErpSystem:
        """One S/4HANA. Raises OptionError."""
        options = connection.own_options(OPTIONS)
        choose_client(connection, options)
        http, system = connection.client, connection.system
        orders = SapErp(
            http,
            settle_seconds=connection.settle_seconds,
            second_create_seconds=connection.second_create_seconds,
            purchasing=V4Purchasing(http, system),
            policies=connection.policies,
            now=connection.now,
        )
        master_data = SapMasterData(
            http,
            cache_seconds=MASTER_DATA_SECONDS,
            policies=connection.policies,
            products=V4Products(http, system),
            today=connection.today,
        )
        stock = SapStock(http, connection.policies, connection.now) if is_read(options) else None
        services = (*SERVICES, *((CHECKED,) if stock else ()))
        check = SapCheck(http, connection.now, services=services, system=system)
        people = V4People(http, system, connection.policies)
        return ErpSystem(orders, master_data, duplicates=orders, check=check, people=people, stock=stock)


DIALECT: ErpDialect = SapV4()
