"""What the planning system is told: model, build schedule, revision, coverage."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[Decimal, Field(gt=0)]
NotNegative = Annotated[Decimal, Field(ge=0)]
Weekday = Annotated[int, Field(ge=0, le=6)]


class ItemBody(BaseModel):
    """An item of the model."""

    item: str
    unit: str
    make: bool
    days: Annotated[int, Field(ge=0)]
    planner: str | None = None
    bought_at: list[str] = []
    individual_at: list[str] = []


class BomBody(BaseModel):
    """An edge of the bill of materials."""

    assembly: str
    component: str
    quantity: Positive


class StockBody(BaseModel):
    """Opening stock."""

    plant: str
    item: str
    quantity: NotNegative


class ModelBody(BaseModel):
    """Master data and opening stock."""

    plants: list[str]
    items: list[ItemBody]
    bom: list[BomBody]
    stock: list[StockBody] = []
    days_off: dict[str, list[date]] = {}


class BuildBody(BaseModel):
    """A build order."""

    build: str
    plant: str
    item: str
    quantity: Positive
    date: date
    criticality: Literal["A", "B", "C"] = "B"


class PlanBody(BaseModel):
    """A build schedule to explode and publish."""

    version: Annotated[int, Field(ge=0)] = 1
    today: date
    effective_at: AwareDatetime | None = None
    bucket_weekdays: Annotated[list[Weekday], Field(min_length=1)] = [0]
    builds: list[BuildBody]
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 50
    wait: bool = True


class ReviseBody(BaseModel):
    """How the next version differs from the last."""

    share_changed: NotNegative = Decimal("0.10")
    share_gone: NotNegative = Decimal("0.03")
    share_new: NotNegative = Decimal("0.03")
    share_slightly: NotNegative = Decimal(0)
    gone: list[str] = []
    kept: list[str] = []
    seed: str | int = 0
    today: date | None = None
    effective_at: AwareDatetime | None = None
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 50
    wait: bool = True
    as_runs: bool = False


class RepublishBody(BaseModel):
    """Which version to publish once more."""

    version: int
    fresh_ids: bool = False
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 50
    wait: bool = True


class ScheduleLineBody(BaseModel):
    """A part of a requirement's coverage."""

    quantity: NotNegative
    date: date | None
    state: Annotated[str, Field(min_length=1)]


class SubstitutionBody(BaseModel):
    """A substitute item that the planner has approved for a part of the requirement."""

    item: Annotated[str, Field(min_length=1)]
    quantity: Positive
    unit: str
    replaces: Positive
    useOn: date


class CoveredBody(BaseModel):
    """The coverage that an order gives one requirement."""

    demandReference: str | None = None
    requirementId: str | None = None
    scheduleLines: list[ScheduleLineBody]
    substitution: SubstitutionBody | None = None

    @model_validator(mode="after")
    def _is_named(self) -> "CoveredBody":
        if not (self.demandReference or self.requirementId):
            raise ValueError("name the requirement by demandReference or requirementId")
        return self

    @property
    def reference(self) -> str:
        """The demand reference meant."""
        return self.demandReference or str(self.requirementId).rpartition("/")[2].partition("~")[2]


class CoverageBody(BaseModel):
    """The coverage that one order gives, whole."""

    model_config = ConfigDict(extra="forbid")

    order: Annotated[str, Field(min_length=1)]
    plant: str
    sequence: Annotated[int, Field(ge=0)]
    asOf: AwareDatetime
    requirements: list[CoveredBody]
