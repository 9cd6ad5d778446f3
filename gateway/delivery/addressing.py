"""Which order a message is about that names only its number: two ERPs may use the same one.

Decided here: that a system's event is about an order of a plant where that system owns the event's domain, and a
supplier's document about an order of the channel that it came by; and that what is left unclear is nobody's. Not here:
what the order does with it.
"""

from collections.abc import Sequence

from adapters.ports import LandscapePort, PolicyPort
from canonical.landscape import Systems
from gateway.intake.events import EVENT_TYPES
from gateway.intake.ownership import owns
from ledger.inbox.registry import OrderRef

SUPPLIER_CHANNEL = "supplier/"


class OrderAddresses:
    """Finds the order among those of one number; `landscape` None: there is one system of each kind."""

    def __init__(self, policies: PolicyPort, landscape: LandscapePort | None = None) -> None:
        self._policies, self._landscape = policies, landscape

    def meant(
        self, orders: Sequence[OrderRef], source: str, event_type: str, supplier: str | None = None
    ) -> OrderRef | str | None:
        """The order; in words why it is none of several; None: there is none, or none that the source speaks for."""
        if source.startswith(SUPPLIER_CHANNEL):
            found = self._of_channel(orders, source.removeprefix(SUPPLIER_CHANNEL), supplier)
        elif event_type in EVENT_TYPES:
            domain = EVENT_TYPES[event_type].owner
            found = [each for each in orders if owns(source, domain, each.plant, self._policies, self._landscape)]
        else:
            found = list(orders)
        if len(found) > 1:
            them = ", ".join(f"{each.erp}'s of plant {each.plant}" for each in found)
            return f"{len(found)} orders have the number: {them}"
        return found[0] if found else None

    def _of_channel(self, orders: Sequence[OrderRef], channel: str, supplier: str | None) -> list[OrderRef]:
        """Those of the channel, of several the supplier's; without any, the supplier's: its channel has changed since.

        One alone need not be meant: the number may be that of another ERP's order which is not recorded yet.
        """
        found = [each for each in orders if self._goes_by(each, channel)]
        if len(found) == 1 or (found and supplier is None):
            return found
        return [each for each in found or orders if supplier and each.supplier.lstrip("0") == supplier.lstrip("0")]

    def _goes_by(self, order: OrderRef, channel: str) -> bool:
        if self._landscape is None:
            return True
        found = self._landscape.systems_of(order.plant, order.supplier)
        return isinstance(found, Systems) and found.channel == channel


__all__ = ["OrderAddresses"]
