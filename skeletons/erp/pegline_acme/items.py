"""Items and their sources in acme."""

from collections.abc import Collection

import httpx

from adapters.errors import PermanentError
from canonical.sourcing import ItemAtPlant, UnknownItem


class AcmeItems:
    """Implements adapters.ports.MasterDataPort."""

    def __init__(self, http: httpx.AsyncClient, system: str) -> None:
        self._http, self._system = http, system

    async def item_at_plant(self, plant: str, item: str) -> ItemAtPlant | UnknownItem:
        """The item with its unit and sources."""
        raise self._to_write("item_at_plant", "read the item; return UnknownItem where there is none")

    async def prefetch(self, plants: Collection[str]) -> int:
        """Read all items of these plants ahead; returns how many there are."""
        raise self._to_write("prefetch", "read every page of the plant's items; return how many there are")

    def _to_write(self, call: str, steps: str) -> PermanentError:
        return PermanentError(self._system, f"{call} is still to be written in pegline_acme/items.py: {steps}")
