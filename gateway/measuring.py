"""The measurer: keeps the measures of KPIs up to what is recorded. One gateway of an installation works at a time."""

import asyncio
import logging

from ledger.ledger import Ledger

logger = logging.getLogger(__name__)

LEASE = "measurer"
_LEASE_SECONDS = 10.0


class Measurer:
    """Measures what was recorded, every `poll_seconds`: the seldomer, the more of it in one go, and the cheaper."""

    def __init__(self, ledger: Ledger, poll_seconds: float = 5.0) -> None:
        self._ledger = ledger
        self._poll_seconds = poll_seconds

    async def run(self) -> None:
        """Measure until cancelled; a failure of the ledger only makes it wait."""
        while True:
            try:
                async with self._ledger.leases.held(LEASE, _LEASE_SECONDS) as lease:
                    while lease is not None and lease.held:
                        await self._ledger.unmeasured.clear()
                        await asyncio.sleep(self._poll_seconds)
            except Exception:
                logger.exception("KPIs could not be measured; it is tried again")
            await asyncio.sleep(self._poll_seconds)
