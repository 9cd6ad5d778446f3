"""APS: the coverage of its requirements."""

from temporalio import activity

from activities.boundary import counterpart
from activities.ports import LedgerPort
from adapters.ports import ApsPort
from canonical.calls import WriteCoverageCall
from canonical.order import WriteOutcome


class ApsActivities:
    """Writes coverage back to the planning system."""

    def __init__(self, aps: ApsPort, ledger: LedgerPort) -> None:
        self._aps = aps
        self._ledger = ledger

    @activity.defn(name="aps.write_coverage")
    async def write_coverage(self, call: WriteCoverageCall) -> WriteOutcome:
        """Write the complete coverage that one order gives."""
        async with counterpart(self._ledger, call):
            return await self._aps.write_coverage(call.report, key=call.key)
