"""R14, quota: which of several suppliers gets the next order, so that each gets its share in the long run.

Decided here: the ratings and their order. Not here: which suppliers have sound master data and can keep the date
(sourcing).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from canonical.policy import Quota
from canonical.reason import Reason, figure


class QuotaRating(NamedTuple):
    """A supplier's rating against its quota."""

    supplier: str
    allocated: Decimal
    """In base units, without the base of the quota."""
    quota: Quota

    @property
    def rating(self) -> Decimal:
        """R14: (allocated + base) / quota; the lowest is next."""
        return rating(self.allocated, self.quota)

    def __str__(self) -> str:
        total = figure(self.allocated + self.quota.base)
        return f"{self.supplier} {total}/{figure(self.quota.share)} = {self.rating:.1f}"


class QuotaOutcome(NamedTuple):
    """The suppliers that have a quota, the one whose turn it is first."""

    ranking: tuple[QuotaRating, ...]
    rule: str = "R14"

    @property
    def supplier(self) -> str:
        """Whose turn it is."""
        return self.ranking[0].supplier

    @property
    def why(self) -> str:
        """The ratings, in one line."""
        return f"quota: {', '.join(map(str, self.ranking))}"

    def reason(self, policy_version: str) -> Reason:
        """The outcome for trace and audit."""
        return Reason(
            rule=self.rule,
            why=self.why,
            inputs={"allocated": {at.supplier: str(at.allocated) for at in self.ranking}},
            thresholds={f"quotas.{at.supplier}": at.quota.model_dump(mode="json") for at in self.ranking},
            policy_version=policy_version,
        )


def rating(allocated: Decimal, quota: Quota) -> Decimal:
    """R14: (allocated + base) / quota."""
    return (allocated + quota.base) / quota.share


def choose_by_quota(
    suppliers: Iterable[str], quotas: Mapping[str, Quota], allocated: Mapping[str, Decimal]
) -> QuotaOutcome | None:
    """R14: of the suppliers that have a quota the one with the lowest rating; equal ones in the order given.

    `allocated`: base units by supplier; a missing supplier has had nothing. None: no supplier has a quota.
    """
    having = [
        QuotaRating(supplier, allocated.get(supplier, Decimal(0)), quotas[supplier])
        for supplier in suppliers
        if supplier in quotas
    ]
    if not having:
        return None
    return QuotaOutcome(tuple(sorted(having, key=lambda at: at.rating)))
