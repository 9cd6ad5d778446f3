"""The dialect `business-central`: Microsoft Dynamics 365 Business Central by its API v2.0."""

from adapters.dialects import Connection, ErpDialect, ErpSystem
from adapters.erp.business_central.check import BusinessCentralCheck
from adapters.erp.business_central.client import BusinessCentralErp
from adapters.erp.business_central.feed import BusinessCentralFeed
from adapters.erp.business_central.master import BusinessCentralMasterData
from adapters.erp.business_central.settings import read_settings

MASTER_DATA_SECONDS = 120.0
"""How old the master data behind an assessment may be."""


class BusinessCentralDialect:
    """Implements adapters.dialects.ErpDialect."""

    def connect(self, connection: Connection) -> ErpSystem:
        """One company of one environment. Raises OptionError."""
        settings = read_settings(connection)
        orders = BusinessCentralErp(
            connection.client,
            settings,
            system=connection.system,
            settle_seconds=connection.settle_seconds,
            second_create_seconds=connection.second_create_seconds,
            now=connection.now,
        )
        master_data = BusinessCentralMasterData(
            connection.client,
            settings,
            system=connection.system,
            cache_seconds=MASTER_DATA_SECONDS,
            policies=connection.policies,
            today=connection.today,
        )
        check = BusinessCentralCheck(connection.client, settings, connection.system, connection.now)
        feed = BusinessCentralFeed(connection.client, settings, connection.system, connection.now)
        return ErpSystem(orders, master_data, duplicates=orders, check=check, changes=feed)


DIALECT: ErpDialect = BusinessCentralDialect()
