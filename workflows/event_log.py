"""The audit events of one entity: numbered, and kept until the ledger has recorded them."""

from datetime import datetime

from pydantic import BaseModel, JsonValue

from canonical.audit_event import PendingEvent


class EventLog(BaseModel):
    """Part of an entity's state; survives continue-as-new."""

    sequence: int = 0
    """Number of events that the entity has appended, earlier runs included."""
    unwritten: list[PendingEvent] = []

    def record(self, kind: str, business_time: datetime, processing_time: datetime, /, **data: JsonValue) -> None:
        """Append an event."""
        self.sequence += 1
        self.unwritten.append(
            PendingEvent(
                sequence=self.sequence,
                kind=kind,
                business_time=business_time,
                processing_time=processing_time,
                data=data,
            )
        )

    def written(self, up_to: int) -> None:
        """Drop the events up to this one: the ledger has recorded them."""
        self.unwritten = [event for event in self.unwritten if event.sequence > up_to]
