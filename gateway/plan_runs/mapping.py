"""How a file's rows become lines of a plan: its columns, fixed values, units, and the form of its numbers and days.

Decided here: what a row says under a mapping, and which rows are left out. Not here: how a file is taken apart
(gateway.plan_runs.uploaded) and whether a line is sound (gateway.plan_runs.reading).
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from canonical.base import Model
from canonical.plan import LineFault, NumberedLine
from canonical.units import known_unit
from gateway.intake.cloudevents import DECODER
from gateway.plan_runs.exports import proposed, proposed_unit
from gateway.plan_runs.national import (
    DAY_FORMS,
    NUMBER_FORMS,
    DayForm,
    Found,
    NumberForm,
    day_form,
    day_of,
    number_form,
    number_of,
)
from gateway.plan_runs.reading import PlanReader
from gateway.plan_runs.uploaded import Cell, FileFound, Row

_Short = Annotated[str, Field(max_length=200)]


class PlanField(NamedTuple):
    """A field that a file's column may mean."""

    name: str
    label: str
    required: bool = False
    help: str = ""


FIELDS = (
    PlanField("item", "Item", True),
    PlanField("quantity", "Quantity", True),
    PlanField("unit", "Unit", True),
    PlanField("required_date", "Required date", True),
    PlanField("demand_reference", "Demand reference", help="a name that stays the same from plan to plan; else none"),
    PlanField("plant", "Plant", help="rows of other plants are left out"),
    PlanField("planner", "Planner"),
    PlanField("demand", "Demand it serves", help="a customer order or build order"),
    PlanField("criticality", "Criticality", help="A, B or C"),
    PlanField("sourcing_rule", "Sourcing rule"),
    PlanField("source_revision", "Source revision"),
    PlanField("pegging", "Pegging", help="a JSON list of demands"),
)
_NUMBERS = ("quantity", "source_revision")
_IN_BRACKETS = re.compile(r"\[([^\[\]]+)\]\s*\S.*", re.DOTALL)
_UNITS_SHOWN_MAX = 40


class FileMapping(Model):
    """How a source's files are read."""

    columns: dict[_Short, _Short] = {}
    """Our fields, each with the file's column."""
    constants: dict[_Short, _Short] = {}
    """Fields that all rows have alike."""
    units: dict[_Short, _Short] = {}
    """The file's units, each with its UN/ECE code."""
    numbers: NumberForm | None = None
    """As a person has said; None: as the file's own values leave no doubt of."""
    days: DayForm | None = None
    only_column: _Short = ""
    only_values: Annotated[tuple[_Short, ...], Field(max_length=50)] = ()
    """Only rows with one of these values in the column are taken; empty: all are."""
    in_brackets: bool = False
    """The item is written as `[CODE] name`, as Odoo shows products."""
    encoding: Literal["", "utf-8", "windows-1252", "iso-8859-15", "utf-16"] = ""
    """Empty: as it is found."""
    sheet: _Short = ""
    """Of a workbook; empty: the first."""

    @property
    def missing(self) -> list[PlanField]:
        """The fields that every line needs and that nothing gives."""
        return [each for each in FIELDS if each.required and not self.gives(each.name)]

    def gives(self, field: str) -> bool:
        """Whether a column or a fixed value gives the field."""
        return bool(self.columns.get(field) or self.constants.get(field))


class Forms(NamedTuple):
    """What a file's values say of its numbers and days."""

    numbers: Found[NumberForm]
    days: Found[DayForm]


class Understood(NamedTuple):
    """A row as it is understood."""

    row: Row
    line: NumberedLine | None
    """None: it is left out."""
    left_out: str = ""
    """Why."""


def first_mapping(found: FileFound) -> tuple[FileMapping, str, str]:
    """A mapping to begin with, the name of the export that the file seems to be, and what is to be known of it."""
    proposal = proposed(found.columns)
    item = proposal.columns.get("item", "")
    items = [text for row in found.rows if (text := _text(row.values.get(item)))]
    mapping = FileMapping(
        columns={field: column[:200] for field, column in proposal.columns.items()},
        units={},
        only_column=proposal.only_column,
        only_values=proposal.only_values,
        in_brackets=bool(items) and all(_IN_BRACKETS.fullmatch(text) for text in items),
    )
    return with_units(mapping, found), proposal.export, proposal.note


def with_units(mapping: FileMapping, found: FileFound) -> FileMapping:
    """The mapping with a proposal for each of the file's units that it does not know yet."""
    units = {
        written: mapping.units.get(written) or known_unit(written) or proposed_unit(written)
        for written in units_in(found, mapping)
    }
    return mapping.model_copy(update={"units": {**mapping.units, **units}})


def units_in(found: FileFound, mapping: FileMapping) -> list[str]:
    """The units that the file writes, the most frequent first."""
    column = mapping.columns.get("unit", "")
    counted = Counter(text[:200] for row in found.rows if (text := _text(row.values.get(column))))
    return [text for text, _ in counted.most_common(_UNITS_SHOWN_MAX)]


def forms_of(found: FileFound, mapping: FileMapping) -> Forms:
    """The forms of numbers and days, as far as the file's own values settle them."""
    return Forms(
        number_form(_written(found, [mapping.columns.get(field, "") for field in _NUMBERS])),
        day_form(_written(found, [mapping.columns.get("required_date", "")])),
    )


def _written(found: FileFound, columns: Sequence[str]) -> list[str]:
    """What people wrote as text: a workbook's own numbers and days have no form."""
    cells = (row.values.get(column) for column in columns if column for row in found.rows)
    return [cell for cell in cells if isinstance(cell, str) and cell.strip()]


def settled(mapping: FileMapping, forms: Forms) -> FileMapping:
    """The mapping with the forms to read by: what a person has said, else what the file's values leave no doubt of."""
    return mapping.model_copy(
        update={"numbers": mapping.numbers or forms.numbers.form, "days": mapping.days or forms.days.form}
    )


class RowReader:
    """Reads rows under a mapping."""

    def __init__(self, mapping: FileMapping, reader: PlanReader, plant: str) -> None:
        self._mapping = mapping
        self._reader = reader
        self._plant = plant
        self.left_out: Counter[str] = Counter()
        """How many rows were left out, by reason."""

    def understood(self, row: Row) -> Understood:
        """The row as a line, or why it is left out."""
        if why := self._not_meant(row):
            self.left_out[why] += 1
            return Understood(row, None, why)
        faults = [LineFault(field="line", reason=row.fault)] if row.fault else []
        fields: dict[str, Any] = {}
        for each in FIELDS:
            if each.name == "plant":
                continue
            value, why = self._value(each.name, row)
            if why:
                faults.append(LineFault(field=each.name, reason=why))
            elif value is not None:
                fields[each.name] = value
        self._peg(fields)
        return Understood(row, self._reader.take(row.number, fields, faults, row.original))

    def _not_meant(self, row: Row) -> str:
        only = self._mapping.only_column
        if only and self._mapping.only_values:
            value = _text(row.values.get(only))
            if value.casefold() not in {each.casefold() for each in self._mapping.only_values}:
                return f"{only} is {value[:60] or 'empty'}"
        plant = _text(row.values.get(self._mapping.columns.get("plant", "")))
        return f"of plant {plant[:60]}" if plant and plant != self._plant else ""

    def _value(self, field: str, row: Row) -> tuple[object, str]:
        """The field's value, or what is wrong with it; neither where the row has none."""
        column = self._mapping.columns.get(field, "")
        cell: Cell = row.values.get(column) if column else None
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            cell, column = self._mapping.constants.get(field) or None, ""
        if cell is None:
            return None, ""
        where = f"column {column!r}: " if column else "the fixed value: "
        try:
            return _READ.get(field, _label)(cell, self._mapping), ""
        except ValueError as error:
            return None, f"{where}{error}"

    @staticmethod
    def _peg(fields: dict[str, Any]) -> None:
        demand, criticality = fields.pop("demand", None), fields.pop("criticality", None)
        if (demand is None and criticality is None) or "pegging" in fields:
            return
        peg = {
            "demand": demand or "of the plan",
            "quantity": fields.get("quantity"),
            "date": fields.get("required_date"),
            **({"criticality": criticality} if criticality else {}),
        }
        if peg["quantity"] is not None and peg["date"] is not None:
            fields["pegging"] = [peg]


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return f"{cell.normalize():f}"
    return cell.isoformat() if isinstance(cell, dt.date) else str(cell).strip()


def _label(cell: Cell, _: FileMapping) -> object:
    return _text(cell)


def _item(cell: Cell, mapping: FileMapping) -> object:
    text = _text(cell)
    found = _IN_BRACKETS.fullmatch(text) if mapping.in_brackets else None
    return found[1].strip() if found else text


def _number(cell: Cell, mapping: FileMapping) -> object:
    if isinstance(cell, Decimal):
        return cell
    text, form = _text(cell), mapping.numbers
    read = {number_of(text, each) for each in ((form,) if form is not None else NumberForm)} - {None}
    if len(read) > 1:
        raise ValueError(f"{text[:60]!r} can be two numbers: say how the file writes them")
    if not read:
        said = f" written as {NUMBER_FORMS[form].partition(' ')[0]}" if form is not None else ""
        raise ValueError(f"{text[:60]!r} is no number{said}")
    return read.pop()


def _count(cell: Cell, mapping: FileMapping) -> object:
    return int(text) if (text := _text(cell)).isdecimal() and len(text) < 16 else _number(cell, mapping)


def _day(cell: Cell, mapping: FileMapping) -> object:
    if isinstance(cell, dt.date):
        return cell
    text, form = _text(cell), mapping.days
    read = {day_of(text, each) for each in ((form,) if form is not None else DayForm)} - {None}
    if len(read) > 1:
        raise ValueError(f"{text[:60]!r} can be two days: say how the file writes them")
    if not read:
        said = f" written as {DAY_FORMS[form].partition(' ')[0]}" if form is not None else ""
        raise ValueError(f"{text[:60]!r} is no day{said}")
    return read.pop()


def _unit(cell: Cell, mapping: FileMapping) -> object:
    text = _text(cell)
    code = mapping.units.get(text[:200]) or known_unit(text)
    if not code:
        raise ValueError(f"nobody has said which unit {text[:60]!r} is: choose one for it")
    return code


def _pegs(cell: Cell, _: FileMapping) -> object:
    if isinstance(cell, list):
        return cell
    try:
        return DECODER.decode(_text(cell))
    except RecursionError as error:
        raise ValueError(f"no JSON: {error}") from error


_READ: Mapping[str, Any] = {
    "item": _item,
    "quantity": _number,
    "source_revision": _count,
    "required_date": _day,
    "unit": _unit,
    "pegging": _pegs,
}

__all__ = [
    "FIELDS",
    "FileMapping",
    "Forms",
    "PlanField",
    "RowReader",
    "Understood",
    "first_mapping",
    "forms_of",
    "settled",
    "units_in",
    "with_units",
]
