"""Who reads the documents of the landscape's MES, WMS and PLM systems, as it is now."""

from canonical.landscape import SENDING
from gateway.intake.intake import SystemReader
from runtime.systems import SystemPool


class DocumentsOfSystems:
    """Finds the reader of a system's documents by the system's name."""

    def __init__(self, pool: SystemPool) -> None:
        self._pool = pool

    def __call__(self, name: str) -> SystemReader | None:
        """None: there is no such system, or it sends events. Raises PermanentError where its mapping is faulty."""
        landscape = self._pool.landscape
        system = landscape.systems.get(name)
        if system is None or system.kind not in SENDING or not system.dialect:
            return None
        return SystemReader(landscape.source(name), self._pool.documents(name))


__all__ = ["DocumentsOfSystems"]
