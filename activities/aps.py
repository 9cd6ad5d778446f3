"""APS: what covers its requirements."""

from temporalio import activity

from activities.boundary import counterpart, reply
from adapters.ports import ApsPort, LedgerPort
from canonical.calls import Reply, WriteCoverageCall
from canonical.order import WriteOutcome


class ApsActivities:
    """Coverage back to the planning system."""

    def __init__(self, aps: ApsPort, ledger: LedgerPort) -> None:
        self._aps = aps
        self._ledger = ledger

    @activity.defn(name="aps.write_coverage")
    async def write_coverage(self, call: WriteCoverageCall) -> Reply[WriteOutcome]:
        """The coverage that one order gives, whole."""
        async with counterpart(self._ledger, call):
            return reply(call, await self._aps.write_coverage(call.report, key=call.key))
