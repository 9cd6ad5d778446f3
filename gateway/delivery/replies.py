"""Sends the acknowledgements that suppliers' documents asked for."""

from collections.abc import Callable, Sequence

from adapters.errors import AdapterError, PermanentError
from adapters.ports import ReplyPort
from canonical.order import Refused
from gateway.delivery.addressing import SUPPLIER_CHANNEL
from gateway.delivery.delivery import Dead, DeliveryResult, Postponed, Round, Settled, at_once
from ledger.inbox.inbox import Waiting


class ReplyDelivery:
    """Sends each acknowledgement once, by the channel that its document came by; `ports` None: this gateway sends
    none.
    """

    def __init__(self, ports: Callable[[str], ReplyPort | None] | None) -> None:
        self._ports = ports

    async def deliver(self, messages: Sequence[tuple[Waiting, bytes]], done: Round) -> None:
        """Send them concurrently."""
        await at_once([self._one(row, document, done) for row, document in messages])

    async def _one(self, row: Waiting, document: bytes, done: Round) -> None:
        async with done.places:
            if done.over:
                return
            result = await self._send(row, document)
        done.add([row], result)

    async def _send(self, row: Waiting, document: bytes) -> DeliveryResult:
        if self._ports is None:
            return Settled("ignored: no EDI gateway", "set PEGLINE_EDI_URL for the gateway to send acknowledgements")
        try:
            port = self._ports(row.source.removeprefix(SUPPLIER_CHANNEL))
            if port is None:
                return Settled("ignored: no acknowledgements", "the channel knows none")
            outcome = await port.send_reply(document, key=f"{row.source}:{row.event_id}")
        except PermanentError as error:
            return Dead("reply_refused", str(error)[:500], "correct the settings of the EDI gateway, then replay")
        except AdapterError as error:
            return Postponed(str(error)[:500])
        if isinstance(outcome, Refused):
            return Dead("reply_refused", f"{outcome.reason} ({outcome.code})"[:500], "settle it with the EDI gateway")
        return Settled("delivered")


__all__ = ["ReplyDelivery"]
