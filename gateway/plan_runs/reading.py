"""Parsing a streamed plan: bytes to lines, lines to needs; NDJSON or CSV, optionally gzipped.

Decided here: the form of a line, and that a faulty line is reported by number, field and reason while the others go on.
Not here: what the plan changes (ledger.plan_runs.net_change).

CSV has a header line with the field names; comma, semicolon or tab; a record is one line; `pegging` holds JSON.
"""

import csv
import datetime as dt
import json
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Literal

from pydantic import ValidationError

from canonical.plan import LineFault, NumberedLine, PlanLine
from gateway.intake.cloudevents import each_once
from gateway.intake.events import HORIZON_DAYS
from gateway.problems import Refusal, field_path, in_words

Form = Literal["ndjson", "csv"]
FORMS: dict[str, Form] = {
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/csv": "csv",
}
LINE_LIMIT_BYTES = 256 * 1024
LINES_MAX = 1_000_000
UNPACKED_FREE_BYTES = 16 * 1024 * 1024
UNPACKED_PER_BYTE_MAX = 100
"""Plans compress about tenfold; a body that unpacks to more than this beyond the first megabytes is no plan."""
_GIVEN_ONCE = ("plant", "plan_version", "source")
"""Given in the address; a line that repeats it must give the same value."""


class PlanReader:
    """Parses the lines of one plan."""

    def __init__(self, form: Form, *, source: str, plant: str, version: int, today: dt.date) -> None:
        self._form = form
        self._statement = {"source": source, "plant": plant, "plan_version": str(version)}
        self._first, self._last = today, today + dt.timedelta(days=HORIZON_DAYS)
        self._head: list[str] = []
        self._dialect = ","

    def read(self, numbered: Sequence[tuple[int, bytes]]) -> list[NumberedLine]:
        """The lines, without empty ones. Raises Refusal where the CSV's header line is invalid."""
        return [read for number, raw in numbered if (read := self._line(number, raw)) is not None]

    def _line(self, number: int, raw: bytes) -> NumberedLine | None:
        if not raw.strip():
            return None
        fields: dict[str, Any] = {}
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            if self._form == "csv" and not self._head:
                self._take_head(text)
                return None
            fields = self._record(text) if self._form == "csv" else _json_object(text)
            line = PlanLine.model_validate(fields, strict=False)
            fault = self._fault(fields, line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            fault = LineFault(field=field_path(first["loc"]) or "line", reason=f"{in_words(first)}{_shown(first)}")
        except UnicodeDecodeError as error:
            fault = LineFault(field="line", reason=f"not UTF-8 at byte {error.start + 1}")
        except (ValueError, csv.Error, RecursionError) as error:
            fault = LineFault(field="line", reason=str(error)[:300])
        if fault is None:
            return NumberedLine.model_construct(number=number, line=line, fault=None, item=None, demand_reference=None)
        item, reference = _text(fields.get("item")), _text(fields.get("demand_reference"))
        return NumberedLine(number=number, line=None, fault=fault, item=item, demand_reference=reference)

    def _fault(self, fields: dict[str, Any], line: PlanLine) -> LineFault | None:
        """The fault of a well-formed line, if any."""
        for name in _GIVEN_ONCE:
            if name in fields and str(fields[name]) != self._statement[name]:
                return LineFault(field=name, reason=f"{fields[name]!r} is not the run's own, {self._statement[name]!r}")
        if line.required_date < self._first:
            return LineFault(field="required_date", reason=f"{line.required_date} lies before today, {self._first}")
        dates = [("required_date", line.required_date)]
        dates += [(f"pegging[{index}].date", peg.date) for index, peg in enumerate(line.pegging)]
        for name, day in dates:
            if day > self._last:
                return LineFault(field=name, reason=f"{day} lies beyond {self._last}, ten years from today")
        return None

    def _take_head(self, text: str) -> None:
        self._dialect = max(",;\t", key=text.count)
        self._head = [name.strip() for name in next(csv.reader([text], delimiter=self._dialect))]
        if twice := [name for name in self._head if self._head.count(name) > 1]:
            raise Refusal(
                422,
                "no_head",
                f"the CSV's first line names the column {twice[0]!r} twice",
                "name each column once",
                field="body",
                value=text[:120],
            )
        required = [name for name, field in PlanLine.model_fields.items() if field.is_required()]
        if missing := [name for name in required if name not in self._head]:
            raise Refusal(
                422,
                "no_head",
                f"the CSV's first line names no column {missing[0]!r}",
                "begin with a line of column names: " + ", ".join(PlanLine.model_fields),
                field="body",
                value=text[:120],
            )

    def _record(self, text: str) -> dict[str, Any]:
        values = next(csv.reader([text], delimiter=self._dialect, strict=True))
        if len(values) != len(self._head):
            raise ValueError(f"{len(values)} values for {len(self._head)} columns")
        fields: dict[str, Any] = {name: value for name, value in zip(self._head, values, strict=True) if value != ""}
        if "pegging" in fields:
            fields["pegging"] = json.loads(fields["pegging"])
        return fields


async def numbered_lines(chunks: AsyncIterator[bytes], *, at_once: int) -> AsyncIterator[list[tuple[int, bytes]]]:
    """The stream's lines with their numbers from 1, in chunks; raises Refusal where a line is too long."""
    rest, number, waiting = b"", 0, list[tuple[int, bytes]]()
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if number + len(lines) > LINES_MAX:
            raise Refusal(
                413,
                "too_many_lines",
                f"the plan has more than {LINES_MAX} lines. Nothing of it was kept",
                f"send at most {LINES_MAX} lines of one plant",
                field="body",
            )
        if len(rest) > LINE_LIMIT_BYTES:
            raise Refusal(
                422,
                "line_too_long",
                f"line {number + len(lines) + 1} is longer than {LINE_LIMIT_BYTES} bytes",
                "send one need a line",
                field="body",
            )
        for line in lines:
            number += 1
            waiting.append((number, line))
        if len(waiting) >= at_once:
            yield waiting
            waiting = []
    if rest:
        waiting.append((number + 1, rest))
    if waiting:
        yield waiting


async def unpacked(chunks: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """The unzipped stream, piece by piece; raises Refusal where it is no gzip stream or ends early."""
    if encoding in ("", "identity"):
        async for chunk in chunks:
            yield chunk
        return
    if encoding != "gzip":
        raise Refusal(
            415,
            "unsupported_encoding",
            f"Content-Encoding {encoding!r} is not taken",
            "send it plain or with gzip",
            field="Content-Encoding",
            value=encoding,
        )
    member, begun, packed, plain = zlib.decompressobj(wbits=31), False, 0, 0
    try:
        async for chunk in chunks:
            packed += len(chunk)
            for piece in _inflate(chunk, member):
                if isinstance(piece, bytes):
                    plain += len(piece)
                    if plain > UNPACKED_FREE_BYTES + UNPACKED_PER_BYTE_MAX * packed:
                        raise _packed_too_tight(packed)
                    yield piece
                else:
                    member = piece
            begun = begun or bool(chunk)
    except zlib.error as error:
        raise _broken_gzip(str(error)) from error
    if begun and not member.eof:
        raise _broken_gzip("it ends in the middle")


_PIECE_BYTES = 1 << 16
"""So that a small file which unpacks to a huge one is never in memory whole."""


def _inflate(chunk: bytes, member: Any) -> Iterator[Any]:
    """The unzipped pieces of a chunk, starting each new gzip member as it begins (several may be joined)."""
    while chunk:
        if member.eof:
            member = zlib.decompressobj(wbits=31)
            yield member
        yield member.decompress(chunk, _PIECE_BYTES)
        chunk = member.unconsumed_tail or member.unused_data


def _packed_too_tight(packed: int) -> Refusal:
    return Refusal(
        413,
        "packed_too_tight",
        f"the first {packed} bytes unpack to more than {UNPACKED_PER_BYTE_MAX} times as many, beyond the first "
        f"{UNPACKED_FREE_BYTES}. Nothing of it was kept",
        "send the plan plain",
        field="body",
    )


def _broken_gzip(detail: str) -> Refusal:
    return Refusal(400, "broken_gzip", f"the body is no whole gzip file: {detail}", "send it again whole", field="body")


_DECODE = json.JSONDecoder(parse_float=str, object_pairs_hook=each_once).decode
"""Built once: json.loads with parse_float would build a decoder for each line."""


def _json_object(text: str) -> dict[str, Any]:
    found = _DECODE(text)
    if not isinstance(found, dict):
        raise ValueError("a line is one JSON object")
    return found


def _text(value: object) -> str | None:
    """Text that the ledger can store: lone surrogates and NULs are escaped."""
    if not isinstance(value, str) or not value:
        return None
    return value[:200].encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _shown(error: Any) -> str:
    value = error.get("input")
    return "" if error["type"] == "missing" or isinstance(value, dict | list) else f", not {str(value)[:80]!r}"


__all__ = ["FORMS", "Form", "PlanReader", "numbered_lines", "unpacked"]
