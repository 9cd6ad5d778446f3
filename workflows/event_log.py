"""The audit events of one entity: numbered, chained, and carried along until the ledger has them."""

from datetime import datetime

from pydantic import BaseModel, JsonValue

from canonical.audit_event import FIRST_HASH, AuditEvent, chain


class EventLog(BaseModel):
    """Part of an entity's state; survives continue-as-new."""

    entity_id: str
    sequence: int = 0
    last_hash: str = FIRST_HASH
    unwritten: list[AuditEvent] = []

    def record(self, kind: str, business_time: datetime, processing_time: datetime, /, **data: JsonValue) -> None:
        """Append an audit event."""
        self.sequence += 1
        self._append(self.sequence, kind, business_time, processing_time, data)

    def _append(
        self, sequence: int, kind: str, business_time: datetime, processing_time: datetime, data: dict[str, JsonValue]
    ) -> None:
        audit_event = chain(self.entity_id, sequence, self.last_hash, kind, business_time, processing_time, data)
        self.last_hash = audit_event.hash
        self.unwritten.append(audit_event)

    def written(self, up_to: int, head: str) -> None:
        """The ledger has the audit events up to this sequence, and `head` is the hash of the last of them there.

        Without a head nothing rode along, and what was noted since stays as it is chained.
        It is not ours where a replay's clock differs from that of the first run; the chain goes on from the ledger's.
        """
        if not head:
            return
        left = [audit_event for audit_event in self.unwritten if audit_event.sequence > up_to]
        self.last_hash, self.unwritten = head, []
        for audit_event in left:
            self._append(
                audit_event.sequence,
                audit_event.kind,
                audit_event.business_time,
                audit_event.processing_time,
                audit_event.data,
            )
