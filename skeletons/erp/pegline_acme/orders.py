"""Orders in acme: finding them again by our reference, placing and changing them."""

import datetime as dt
from collections.abc import Callable

import httpx

from adapters.errors import PermanentError
from canonical.order import ChangeOutcome, OrderChangeOutcome, OrderDocument, OrderSchedule, PlaceOutcome, WriteOutcome


class AcmeOrders:
    """Implements adapters.ports.ErpPort, whose docstrings say what each call promises."""

    def __init__(self, http: httpx.AsyncClient, system: str, now: Callable[[], dt.datetime]) -> None:
        self._http, self._system, self._now = http, system, now

    async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
        """Look for `document.reference`; create the order only where it is not there."""
        raise self._to_write("place_order", "look for the reference, create the order, return Placed or Refused")

    async def change_order(self, document: OrderDocument, *, key: str) -> OrderChangeOutcome:
        """Bring the lines in `document.changed_lines` to the document's state."""
        raise self._to_write(
            "change_order", "read the order, return Edited for a person's edit, else write what differs"
        )

    async def cancel_requisition(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Delete what is requested and not ordered."""
        raise self._to_write("cancel_requisition", "delete it; return Written where there is none")

    async def write_schedule(self, schedule: OrderSchedule, *, key: str) -> ChangeOutcome:
        """Bring the lines to what the supplier confirmed."""
        raise self._to_write("write_schedule", "as change_order, with the days and quantities of the schedule")

    def _to_write(self, call: str, steps: str) -> PermanentError:
        return PermanentError(self._system, f"{call} is still to be written in pegline_acme/orders.py: {steps}")
