"""The dialect `oracle-fusion`: Oracle Fusion Procurement and Supply Chain by their REST resources."""

from typing import Literal, cast

from adapters.dialects import Connection, ErpSystem, OptionError
from adapters.erp.oracle.check import OracleCheck
from adapters.erp.oracle.client import OracleErp, OracleOptions
from adapters.erp.oracle.master import OracleMasterData
from adapters.erp.oracle.people import FusionPeople

_OPTIONS = {
    "buyer": "the e-mail address of the buyer whose orders these are; needed",
    "requester": "the e-mail address that supply requests are prepared and delivered for; the buyer's where left out",
    "requisitioning-bu": "the requisitioning business unit; the plant's purchasing organization where left out",
    "purchases": "orders (drafted by Pegline; as it is where left out) or supply-requests (Oracle makes the orders)",
}
_PURCHASES = ("orders", "supply-requests")


class OracleDialect:
    """Implements adapters.dialects.ErpDialect."""

    def connect(self, connection: Connection) -> ErpSystem:
        """The instance as our ports have it. Raises OptionError."""
        given = connection.own_options(_OPTIONS)
        purchases = given.get("purchases", "orders")
        if purchases not in _PURCHASES:
            raise OptionError("purchases", purchases, _OPTIONS["purchases"])
        if "@" not in given.get("buyer", ""):
            raise OptionError("buyer", given.get("buyer", ""), _OPTIONS["buyer"])
        options = OracleOptions(
            buyer_email=given["buyer"],
            requester_email=given.get("requester", ""),
            requisitioning_bu=given.get("requisitioning-bu", ""),
            purchases=cast(Literal["orders", "supply-requests"], purchases),
        )
        erp = OracleErp(
            connection.client,
            options,
            system=connection.system,
            settle_seconds=connection.settle_seconds,
            second_create_seconds=connection.second_create_seconds,
            policies=connection.policies,
            now=connection.now,
        )
        master = OracleMasterData(
            connection.client, system=connection.system, policies=connection.policies, today=connection.today
        )
        check = OracleCheck(connection.client, connection.system, connection.now)
        people = FusionPeople(connection.client, connection.system, connection.policies)
        return ErpSystem(erp, master, erp, check, people=people)


DIALECT = OracleDialect()
