"""The facts of one entity: numbered, chained, and carried along until the ledger has them."""

from datetime import datetime

from pydantic import BaseModel, JsonValue

from canonical.facts import FIRST_HASH, Fact, chain


class Journal(BaseModel):
    """Part of an entity's state; survives continue-as-new."""

    entity_id: str
    sequence: int = 0
    last_hash: str = FIRST_HASH
    unwritten: list[Fact] = []

    def note(self, kind: str, business_time: datetime, processing_time: datetime, /, **data: JsonValue) -> None:
        """Append a fact."""
        self.sequence += 1
        self._append(self.sequence, kind, business_time, processing_time, data)

    def _append(
        self, sequence: int, kind: str, business_time: datetime, processing_time: datetime, data: dict[str, JsonValue]
    ) -> None:
        fact = chain(self.entity_id, sequence, self.last_hash, kind, business_time, processing_time, data)
        self.last_hash = fact.hash
        self.unwritten.append(fact)

    def written(self, up_to: int, head: str) -> None:
        """The ledger has the facts up to this sequence, and `head` is the hash of the last of them there.

        Without a head nothing rode along, and what was noted since stays as it is chained.
        It is not ours where a replay's clock differs from that of the first run; the chain goes on from the ledger's.
        """
        if not head:
            return
        left = [fact for fact in self.unwritten if fact.sequence > up_to]
        self.last_hash, self.unwritten = head, []
        for fact in left:
            self._append(fact.sequence, fact.kind, fact.business_time, fact.processing_time, fact.data)
