"""What every noun shares: frozen, and tolerant of fields that a newer sender added."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from canonical.units import require_known_unit


class Noun(BaseModel):
    """A frozen model; unknown fields are ignored so that older workers read newer messages."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Quantity = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=6)]
"""A quantity in the unit that stands beside it; never negative."""

PositiveQuantity = Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=6)]
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


__all__ = ["Code", "Criticality", "Instant", "Money", "Noun", "PositiveQuantity", "Quantity", "Share", "UnitCode"]
