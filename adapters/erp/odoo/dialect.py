"""The dialect `odoo`: Odoo 19 by its external JSON-2 API. The log-on is an API key, as a bearer token."""

from adapters.dialects import Connection, ErpDialect, ErpSystem
from adapters.erp.odoo.check import OdooCheck
from adapters.erp.odoo.client import OdooErp
from adapters.erp.odoo.master import OdooMasterData
from adapters.erp.odoo.settings import read_settings
from adapters.erp.odoo.stock import OdooStock

MASTER_DATA_SECONDS = 120.0
"""How old the master data behind an assessment may be."""


class OdooDialect:
    """Implements adapters.dialects.ErpDialect."""

    def connect(self, connection: Connection) -> ErpSystem:
        """One company of one database. Raises OptionError."""
        settings = read_settings(connection)
        orders = OdooErp(
            connection.client,
            settings,
            system=connection.system,
            settle_seconds=connection.settle_seconds,
            second_create_seconds=connection.second_create_seconds,
            policies=connection.policies,
            now=connection.now,
        )
        master_data = OdooMasterData(
            connection.client,
            settings,
            system=connection.system,
            cache_seconds=MASTER_DATA_SECONDS,
            policies=connection.policies,
            today=connection.today,
        )
        check = OdooCheck(connection.client, settings, connection.system, connection.now)
        stock = OdooStock(connection.client, settings, connection.system, connection.now)
        return ErpSystem(orders, master_data, duplicates=orders, check=check, stock=stock)


DIALECT: ErpDialect = OdooDialect()
