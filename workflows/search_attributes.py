"""The typed registry of search attributes: what an operator filters by. No personal data.

Set at the start they cost nothing; an upsert is an event and an action, so only milestones are upserted.
"""

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

PLANT = SearchAttributeKey.for_keyword("PeglinePlant")
ITEM = SearchAttributeKey.for_keyword("PeglineItem")
SUPPLIER = SearchAttributeKey.for_keyword("PeglineSupplier")
ORDER = SearchAttributeKey.for_keyword("PeglineOrder")
STAGE = SearchAttributeKey.for_keyword("PeglineStage")
EXCEPTION_KIND = SearchAttributeKey.for_keyword("PeglineExceptionKind")
BUYER = SearchAttributeKey.for_keyword("PeglineBuyer")
CORRELATION_ID = SearchAttributeKey.for_keyword("PeglineCorrelationId")
INCIDENT = SearchAttributeKey.for_keyword("PeglineIncident")
"""The call that keeps failing, e.g. `erp.place_order`; unset while all is well."""

ALL: list[SearchAttributeKey[str]] = [
    PLANT,
    ITEM,
    SUPPLIER,
    ORDER,
    STAGE,
    EXCEPTION_KIND,
    BUYER,
    CORRELATION_ID,
    INCIDENT,
]


def attributes(values: dict[SearchAttributeKey[str], str | None]) -> TypedSearchAttributes:
    """The attributes a workflow starts with; empty values are left out."""
    return TypedSearchAttributes([SearchAttributePair(key, value) for key, value in values.items() if value])
