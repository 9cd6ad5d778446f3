"""Parsing a plan's lines to needs: NDJSON or CSV.

Decided here: the form of a line, and that a faulty line is reported by number with all its faults while the others go
on. Not here: where a line ends (gateway.plan_runs.stream and table) and what the plan changes
(ledger.plan_runs.net_change).
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from canonical.base import Day, SentQuantity
from canonical.event_data import PegData
from canonical.plan import LineFault, NumberedLine, PlanLine
from canonical.units import UNITS, fraction_of_a_count, is_whole
from gateway.intake.cloudevents import DECODER
from gateway.intake.events import HORIZON_DAYS
from gateway.plan_runs.columns import GIVEN_ONCE, unknown, what_to_do
from gateway.plan_runs.quantities import misreadable
from gateway.plan_runs.table import CsvTable
from gateway.problems import Refusal, field_path, in_words

Form = Literal["ndjson", "csv"]
FORMS: dict[str, Form] = {
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
}
_FAULTS_MAX = 20
_ORIGINAL_MAX = 2_000
"""Characters of a refused line that are kept."""
_OWN = frozenset(PlanLine.model_fields)
_OF_A_PEG = frozenset(PegData.model_fields)
_DAY: TypeAdapter[dt.date] = TypeAdapter(Day)
_QUANTITY: TypeAdapter[Any] = TypeAdapter(SentQuantity)


class PlanReader:
    """Parses the lines of one plan; `ignored` are the names that its sender has ignored."""

    def __init__(
        self,
        form: Form,
        *,
        source: str,
        plant: str,
        version: int,
        today: dt.date,
        ignored: frozenset[str] = frozenset(),
    ) -> None:
        self._statement = {"source": source, "plant": plant, "plan_version": str(version)}
        self._today = today
        self._first, self._last = (today + dt.timedelta(days=days) for days in (-HORIZON_DAYS, HORIZON_DAYS))
        self._ignored = ignored
        self._table = CsvTable(plant, ignored) if form == "csv" else None
        self._ignored_seen: set[str] = set()

    def read(self, numbered: Sequence[tuple[int, bytes]]) -> list[NumberedLine]:
        """The lines, without empty ones. Raises Refusal where a CSV can't be read as a table of needs."""
        return [read for number, raw in numbered if (read := self._line(number, raw)) is not None]

    def end(self) -> tuple[str, ...]:
        """The names that were there and ignored. Raises Refusal where the plan ends in the middle of a row."""
        if self._table is not None:
            self._table.end()
            self._ignored_seen |= self._ignored.intersection(self._table.columns)
        return tuple(sorted(self._ignored_seen))

    def _line(self, number: int, raw: bytes) -> NumberedLine | None:
        if not raw.strip() and not (self._table and self._table.is_open):
            return None
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            return self._not_utf8(number, raw, error.start + 1)
        if self._table is None:
            return self._from_json(number, text)
        record = self._table.record(number, text)
        if record is None:
            return None
        fields: dict[str, Any] = dict(record.fields)
        if record.fault:
            return _refused(record.number, fields, [LineFault(field="line", reason=record.fault)], record.text)
        faults = []
        if "pegging" in fields:
            try:
                fields["pegging"] = DECODER.decode(fields["pegging"])
            except (ValueError, RecursionError) as error:
                faults.append(LineFault(field="pegging", reason=f"no JSON: {error}"[:300]))
        return self.take(record.number, fields, faults, record.text)

    def _from_json(self, number: int, text: str) -> NumberedLine:
        try:
            fields = DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            return _refused(number, {}, [LineFault(field="line", reason=str(error)[:300])], text)
        if not isinstance(fields, dict):
            return _refused(number, {}, [LineFault(field="line", reason="a line is one JSON object")], text)
        return self.take(number, fields, [], text)

    def take(self, number: int, fields: dict[str, Any], faults: list[LineFault], original: str) -> NumberedLine:
        """The line of these fields, with the faults that were found while they were read from `original`."""
        for name in self._ignored.intersection(fields):
            self._ignored_seen.add(name)
            del fields[name]
        if not fields.keys() <= _OWN:
            faults += self._faults_of_names(fields)
        if pegs := fields.get("pegging"):
            faults += self._faults_of_peg_names(pegs)
        faults += misreadable(fields, table=self._table is not None)
        try:
            line = PlanLine.model_validate(fields)
        except ValidationError as error:
            faults += (_fault_of(each) for each in error.errors(include_url=False)[:_FAULTS_MAX])
            faults += self._faults_of_parts(fields)
            return _refused(number, fields, faults, original)
        if not self._is_sound(line):
            faults += self._faults_of(line)
        return _refused(number, fields, faults, original) if faults else _taken(number, line, self._today)

    def _is_sound(self, line: PlanLine) -> bool:
        """Whether a well-formed line has no fault: most have none, and this is quicker than to look for them."""
        days, quantities = [line.required_date], [line.quantity]
        for peg in line.pegging:
            days.append(peg.date)
            quantities.append(peg.quantity)
        if min(days) < self._first or max(days) > self._last:
            return False
        return UNITS[line.unit].decimals > 0 or not any(quantity % 1 for quantity in quantities)

    def _faults_of_names(self, fields: dict[str, Any]) -> Iterator[LineFault]:
        plant = self._statement["plant"]
        for name in unknown(fields, self._ignored)[:_FAULTS_MAX]:
            reason = f"{name[:60]!r} is no field of a plan's line; {what_to_do(name[:60], plant)}"
            yield LineFault(field=name[:60], reason=reason)
        for name in GIVEN_ONCE:
            if name in fields and str(fields[name]) != self._statement[name]:
                given = str(fields[name])[:80]
                yield LineFault(field=name, reason=f"{given!r} is not the run's own, {self._statement[name]!r}")

    def _faults_of_peg_names(self, pegs: object) -> Iterator[LineFault]:
        for index, peg in enumerate(pegs if isinstance(pegs, list) else ()):
            if isinstance(peg, dict) and not peg.keys() <= _OF_A_PEG:
                for name in islice(peg.keys() - _OF_A_PEG - self._ignored, _FAULTS_MAX):
                    reason = f"{name[:60]!r} is no field of a peg: leave it out, or have it ignored: ignore={name[:60]}"
                    yield LineFault(field=f"pegging[{index}].{name[:60]}", reason=reason)
                self._ignored_seen |= self._ignored.intersection(peg)

    def _faults_of_parts(self, fields: dict[str, Any]) -> Iterator[LineFault]:
        """Of a line that is not well formed: what is wrong with the parts that are."""
        day, quantity = _value(_DAY, fields.get("required_date")), _value(_QUANTITY, fields.get("quantity"))
        if day is not None:
            yield from self._far_off("required_date", day)
        unit = fields.get("unit")
        if quantity is not None and isinstance(unit, str) and unit in UNITS and not is_whole(quantity, unit):
            yield LineFault(field="quantity", reason=fraction_of_a_count(quantity, unit))

    def _faults_of(self, line: PlanLine) -> Iterator[LineFault]:
        """What is wrong with a well-formed line."""
        yield from self._far_off("required_date", line.required_date)
        if not is_whole(line.quantity, line.unit):
            yield LineFault(field="quantity", reason=fraction_of_a_count(line.quantity, line.unit))
        for index, peg in enumerate(line.pegging):
            yield from self._far_off(f"pegging[{index}].date", peg.date)
            if not is_whole(peg.quantity, line.unit):
                reason = fraction_of_a_count(peg.quantity, line.unit)
                yield LineFault(field=f"pegging[{index}].quantity", reason=reason)

    def _far_off(self, name: str, day: dt.date) -> Iterator[LineFault]:
        if not self._first <= day <= self._last:
            yield LineFault(field=name, reason=f"{day} is more than ten years from today, {self._today}")

    def _not_utf8(self, number: int, raw: bytes, position: int) -> NumberedLine:
        reason = f"not UTF-8 at byte {position}"
        step = "save the plan as UTF-8 (in Excel: CSV UTF-8), or state its charset, such as windows-1252"
        if self._table is not None and not self._table.columns:
            value = raw[:120].decode("utf-8", "backslashreplace")
            raise Refusal(422, "no_head", f"the CSV's first line is {reason}", step, field="body", value=value)
        shown = raw[:_ORIGINAL_MAX].decode("utf-8", "backslashreplace")
        return _refused(number, {}, [LineFault(field="line", reason=f"{reason}; {step}")], shown)


def _taken(number: int, line: PlanLine, today: dt.date) -> NumberedLine:
    return NumberedLine.model_construct(
        number=number,
        line=line,
        faults=(),
        past_due=line.required_date < today,
        original="",
        item=None,
        demand_reference=None,
    )


def _refused(number: int, fields: dict[str, Any], faults: Sequence[LineFault], original: str) -> NumberedLine:
    """A line with its faults, of each field the first."""
    item, reference = _text(fields.get("item")), _text(fields.get("demand_reference"))
    by_field = {fault.field: fault for fault in reversed(faults)}
    kept = tuple(sorted(by_field.values(), key=faults.index))[:_FAULTS_MAX]
    text = original[:_ORIGINAL_MAX].encode("utf-8", "backslashreplace").decode()
    return NumberedLine(number=number, line=None, faults=kept, original=text, item=item, demand_reference=reference)


def _fault_of(error: Any) -> LineFault:
    return LineFault(field=field_path(error["loc"]) or "line", reason=f"{in_words(error)}{_shown(error)}"[:500])


def _value(adapter: TypeAdapter[Any], raw: object) -> Any:
    try:
        return adapter.validate_python(raw)
    except ValidationError:
        return None


def _text(value: object) -> str | None:
    """Text that the ledger can store: lone surrogates and NULs are escaped."""
    if not isinstance(value, str) or not value:
        return None
    return value[:200].encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _shown(error: Any) -> str:
    value = error.get("input")
    return "" if error["type"] == "missing" or isinstance(value, dict | list) else f", not {str(value)[:80]!r}"


__all__ = ["FORMS", "Form", "PlanReader"]
