"""Sends orders, changes and reminders to suppliers through an EDI gateway that takes EDIFACT over HTTP.

Decided here: the address, the headers, and what the gateway's answers mean. Not decided here: the documents
(mapping.py), time-outs and failures of the call (adapters.http).
"""

import httpx

from adapters.http import excerpt, exchange
from adapters.supplier.edifact.mapping import SYSTEM, control_reference, write_change, write_order, write_reminder
from canonical.order import OrderDocument, Refused, WriteOutcome, Written

OUR_ADDRESS = "PEGLINE"
"""Our interchange address where none is set."""
_CONTENT_TYPE = "application/edifact; charset=iso-8859-1"
_REFUSALS = (409, 422)
"""The gateway understood the call and refuses the document: another one had this key, or it is faulty."""


class EdifactSupplier:
    """Satisfies adapters.ports.SupplierPort; `sender` is our interchange address (UNB S002)."""

    def __init__(self, http: httpx.AsyncClient, *, sender: str) -> None:
        self._http = http
        self._sender = sender

    async def send_order(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Send ORDERS; a repeated key is one document with the gateway."""
        return await self._send(write_order(document, sender=self._sender, key=key), key)

    async def send_change(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Send ORDCHG with the whole order at its revision."""
        return await self._send(write_change(document, sender=self._sender, key=key), key)

    async def send_reminder(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Send OSTENQ for the order's revision."""
        return await self._send(write_reminder(document, sender=self._sender, key=key), key)

    async def send_reply(self, document: bytes, *, key: str) -> WriteOutcome:
        """Send a CONTRL on what was received."""
        return await self._send(document, key)

    async def _send(self, document: bytes, key: str) -> WriteOutcome:
        response = await exchange(
            self._http,
            SYSTEM,
            "POST",
            "/messages",
            writes=True,
            headers={"Content-Type": _CONTENT_TYPE, "Idempotency-Key": key},
            content=document,
            reads=_REFUSALS,
        )
        if response.status_code in _REFUSALS:
            return Refused(system=SYSTEM, code=str(response.status_code), reason=excerpt(response))
        repeated = response.headers.get("Idempotent-Replayed", "").lower() == "true"
        return Written(reference=control_reference(key), writes=0 if repeated else 1)
