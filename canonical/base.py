"""What every noun shares: frozen, and tolerant of fields that a newer sender added."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from canonical.units import NEED_DECIMALS, require_known_unit


class Model(BaseModel):
    """A frozen model; unknown fields are ignored so that older workers read newer messages."""

    model_config = ConfigDict(frozen=True, extra="ignore")


_BEYOND = Decimal(10**12)
"""No quantity reaches this: twelve digits and six decimals are what the ledger's columns hold."""
_FINEST = Decimal(1).scaleb(-NEED_DECIMALS)


def _within_decimals(quantity: Decimal) -> Decimal:
    """By remainder: `decimal_places` takes a quantity's digits apart, which costs three times the rest of a check."""
    if quantity % _FINEST:
        raise PydanticCustomError(
            "decimal_max_places",
            "Decimal input should have no more than {places} decimal places",
            {"places": NEED_DECIMALS},
        )
    return quantity


Quantity = Annotated[Decimal, Field(ge=0, lt=_BEYOND), AfterValidator(_within_decimals)]
"""A quantity in the unit that stands beside it; never negative."""

PositiveQuantity = Annotated[Decimal, Field(gt=0, lt=_BEYOND), AfterValidator(_within_decimals)]
SignedQuantity = Annotated[Decimal, Field(gt=-_BEYOND, lt=_BEYOND), AfterValidator(_within_decimals)]
"""A quantity in the unit that stands beside it; below zero: more is promised than there is."""

Money = Annotated[Decimal, Field(ge=0)]
Share = Annotated[Decimal, Field(ge=0)]
"""A ratio: 0.05 is five per cent."""

UnitCode = Annotated[str, AfterValidator(require_known_unit)]
"""A UN/ECE Recommendation 20 (or 21) code that Pegline knows."""

Instant = AwareDatetime
Code = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\s/](?:[^/\n]*[^\s/])?$")]
"""A business code (plant, item, supplier): no slash, since entity ids are paths."""


class Criticality(StrEnum):
    """The demand's class; A is served first (R11)."""

    A = "A"
    B = "B"
    C = "C"


__all__ = [
    "Code",
    "Criticality",
    "Instant",
    "Model",
    "Money",
    "PositiveQuantity",
    "Quantity",
    "Share",
    "SignedQuantity",
    "UnitCode",
]
