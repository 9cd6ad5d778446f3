"""The dialect `tryton`: Tryton 8.2 by JSON-RPC, with its modules purchase and stock_split."""

from collections.abc import AsyncIterator

from adapters.checking import tried
from adapters.dialects import CheckResult, Connection, ErpDialect, ErpSystem
from adapters.erp.settle_policy import SettlePolicy
from adapters.erp.tryton.client import TrytonErp
from adapters.erp.tryton.master import TrytonMasterData
from adapters.erp.tryton.rpc import TrytonRpc
from adapters.erp.tryton.stock import FIELDS, TrytonStock
from adapters.errors import PermanentError

OPTIONS = {"database": "the name of the database; pegline where it is not given"}
MODELS = (
    "purchase.purchase",
    "purchase.line",
    "stock.move",
    "purchase.product_supplier",
    "product.product",
    "stock.location",
)
MODULES = ("purchase", "stock_split")
_LOOK_EVERY_SECONDS, _BUDGET_SECONDS = 0.5, 18.0


class TrytonCheck:
    """Implements adapters.dialects.SystemCheckPort: the log-on, the modules, a read of each model."""

    def __init__(self, rpc: TrytonRpc) -> None:
        self._rpc = rpc

    async def check(self) -> AsyncIterator[CheckResult]:
        """One result a step; nothing is written."""
        yield await tried("modules", self._modules)
        for model in MODELS:

            async def read(model: str = model) -> str:
                found = await self._rpc.read(f"model.{model}.search_read", [], 0, 1, None, ["id"])
                return f"{len(found)} read"

            yield await tried(model, read)
        yield await tried("stock of product.product", self._stock)

    async def _modules(self) -> str:
        where = [["name", "in", list(MODULES)], ["state", "=", "activated"]]
        rows = await self._rpc.read("model.ir.module.search_read", where, 0, None, None, ["name", "version"])
        missing = sorted({*MODULES} - {row["name"] for row in rows})
        if missing:
            raise PermanentError(self._rpc.system, f"modules not activated: {', '.join(missing)}; activate them")
        return ", ".join(f"{row['name']} {row['version']}" for row in rows)

    async def _stock(self) -> str:
        found = await self._rpc.read("model.product.product.search_read", [], 0, 1, None, list(FIELDS))
        return f"{len(found)} read"


class Tryton:
    """Implements adapters.dialects.ErpDialect."""

    def connect(self, connection: Connection) -> ErpSystem:
        """One database of a Tryton server. Raises OptionError."""
        database = connection.own_options(OPTIONS).get("database", "pegline")
        rpc = TrytonRpc(connection.client, connection.system, database)
        settle_policy = SettlePolicy(
            connection.settle_seconds, _LOOK_EVERY_SECONDS, _BUDGET_SECONDS, connection.second_create_seconds
        )
        orders = TrytonErp(rpc, settle_policy, connection.now)
        stock = TrytonStock(rpc, connection.now)
        return ErpSystem(orders, TrytonMasterData(rpc), duplicates=orders, check=TrytonCheck(rpc), stock=stock)


DIALECT: ErpDialect = Tryton()
