"""The typed registry of search attributes, by which operators filter. No personal data.

Setting them at the start is free; an upsert costs an event and an action, so only milestones are upserted.
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
"""The failing call, e.g. `erp.place_order`; unset while there is none."""

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
    """The attributes that a workflow starts with; empty values are left out."""
    return TypedSearchAttributes([SearchAttributePair(key, value) for key, value in values.items() if value])
