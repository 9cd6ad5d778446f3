"""Who reads the documents of the landscape's MES, WMS and PLM systems, as it is now."""

import logging

from adapters.errors import AdapterError
from canonical.landscape import SENDING
from gateway.intake.intake import SystemReader
from runtime.systems import SystemPool

log = logging.getLogger("pegline.systems")


class DocumentsOfSystems:
    """Finds the reader of a system's documents by the system's name."""

    def __init__(self, pool: SystemPool) -> None:
        self._pool = pool

    def __call__(self, name: str) -> SystemReader | None:
        """None: there is no such system, or it sends events; one whose mapping is faulty has none either, and the log
        says why.
        """
        landscape = self._pool.landscape
        system = landscape.systems.get(name)
        if system is None or system.kind not in SENDING or not system.dialect:
            return None
        try:
            return SystemReader(landscape.source(name), self._pool.documents(name))
        except AdapterError as error:
            log.error("its documents are refused: %s", error)
            return None


__all__ = ["DocumentsOfSystems"]
