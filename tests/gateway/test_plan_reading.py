"""A stranger's plan: what its lines may say, and that nothing in them is left out or read otherwise in silence."""

import asyncio
import codecs
import datetime as dt
import json
import time
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import pytest

from canonical.plan import NumberedLine, PlanLine
from gateway.plan_runs.reading import Form, PlanReader
from gateway.plan_runs.stream import codec_of, in_utf8, numbered_lines
from gateway.problems import Refusal

TODAY = dt.date(2026, 6, 1)
HEAD = "item;quantity;unit;required_date"


def read(
    body: str | bytes, *, form: Form = "csv", charset: str = "", ignored: Sequence[str] = ()
) -> list[NumberedLine]:
    reader = PlanReader(form, source="aps", plant="P1", version=7, today=TODAY, ignored=frozenset(ignored))

    async def pieces() -> AsyncIterator[bytes]:
        whole = body if isinstance(body, bytes) else body.encode()
        for start in range(0, len(whole), 7):
            yield whole[start : start + 7]

    async def all_of_it() -> list[NumberedLine]:
        found = []
        async for numbered in numbered_lines(in_utf8(pieces(), codec_of(charset)), at_once=3):
            found += reader.read(numbered)
        reader.end()
        return found

    return asyncio.run(all_of_it())


def lines(body: str | bytes, *, form: Form = "csv", charset: str = "", ignored: Sequence[str] = ()) -> list[PlanLine]:
    found = read(body, form=form, charset=charset, ignored=ignored)
    assert [each.faults for each in found] == [()] * len(found)
    return [each.line for each in found if each.line is not None]


def faults(body: str | bytes, *, form: Form = "csv") -> dict[str, str]:
    """Those of the only line."""
    [found] = read(body, form=form)
    assert found.line is None
    return {fault.field: fault.reason for fault in found.faults}


def row(quantity: str = "27", unit: str = "EA", day: str = "2026-06-15") -> str:
    return f"{HEAD}\nX;{quantity};{unit};{day}\n"


# -- numbers


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [("27.000", "EA"), ("1.200", "EA"), ("12.345", "KGM"), ("-1.200", "EA"), ("100.000", "MTR")],
)
def test_a_point_before_three_digits_is_never_guessed_at(quantity: str, unit: str) -> None:
    reason = faults(row(quantity, unit))["quantity"]
    assert quantity.replace(".", "") in reason
    assert "write" in reason


@pytest.mark.parametrize(
    ("quantity", "says"),
    [
        ("27,5", "comma"),
        ("1,200", "comma"),
        ("1,200.50", "comma"),
        ("1.200,50", "comma"),
        ("1.200.000", "nothing between thousands"),
        ("1 200", "nothing between thousands"),
        ("1\u202f200", "nothing between thousands"),
        ("1'200", "nothing between thousands"),
        ("1_200", "nothing between thousands"),
        ("１２", "nothing between thousands"),
        ("1.2E+3", "nothing between thousands"),
        ("27-", "nothing between thousands"),
        ("EA", "nothing between thousands"),
        ("-5", "greater than 0"),
        ("1.2", "takes no fraction"),
    ],
)
def test_a_number_that_a_country_writes_its_own_way_is_refused_in_words(quantity: str, says: str) -> None:
    [(field, reason)] = faults(row(f'"{quantity}"')).items()
    assert field == "quantity"
    assert says in reason


@pytest.mark.parametrize(
    ("quantity", "unit", "value"),
    [
        ("27", "EA", "27"),
        ("27.0", "EA", "27"),
        ("0.125", "KGM", "0.125"),
        ("12.3450", "KGM", "12.345"),
        ("1234.500", "KGM", "1234.5"),
        ("12.5", "MTR", "12.5"),
    ],
)
def test_a_number_with_one_meaning_is_taken(quantity: str, unit: str, value: str) -> None:
    [line] = lines(row(quantity, unit))
    assert line.quantity == Decimal(value)


@pytest.mark.parametrize(
    ("written", "unit", "taken"),
    [
        ('"27.000"', "EA", False),
        ('"1.200"', "BX", False),
        ("27.000", "EA", True),  # a JSON number: its point is a decimal point in every country
        ("1.2", "EA", False),
        ('"12.345"', "KGM", True),
        ('"1_200"', "KGM", False),
        ("true", "KGM", False),
        ("1e3", "EA", True),
    ],
)
def test_json_has_a_decimal_point_and_counts_whole_pieces(written: str, unit: str, taken: bool) -> None:
    body = f'{{"item": "X", "quantity": {written}, "unit": "{unit}", "required_date": "2026-06-15"}}'
    [found] = read(body, form="ndjson")
    assert (found.line is not None) is taken
    if not taken:
        assert [fault.field for fault in found.faults] == ["quantity"]


def test_a_peg_is_read_as_strictly_as_its_line() -> None:
    pegs = [{"demand": "B", "quantity": quantity, "date": "2026-06-15"} for quantity in ("1.200", 1.5, "2.000", 3)]
    doubled = json.dumps(pegs).replace('"', '""')
    found = faults(f'{HEAD};pegging\nX;1200;EA;2026-06-15;"{doubled}"\n')
    assert set(found) == {f"pegging[{index}].quantity" for index in (0, 1, 2)}


@pytest.mark.parametrize("revision", ["1.000", "1,000", "1_000", "1.0", "-1"])
def test_a_revision_is_digits_alone(revision: str) -> None:
    [found] = read(f'{HEAD};source_revision\nX;27;EA;2026-06-15;"{revision}"\n')
    assert [fault.field for fault in found.faults] == ["source_revision"]


# -- days


@pytest.mark.parametrize(
    "day",
    ["15.06.2026", "06/15/2026", "15/06/26", "2026-06-15T00:00:00", "20260615", "46188", "1781481600", "15 Jun 2026"],
)
def test_only_iso_days_are_taken_and_the_reason_says_so(day: str) -> None:
    [(field, reason)] = faults(row(day=day)).items()
    assert field == "required_date"
    assert "2026-06-15" in reason


def test_a_day_that_has_passed_is_taken_and_told_apart_from_errors() -> None:
    [late] = read(row(day="2026-05-04"))
    assert (late.past_due, late.faults) == (True, ())
    assert late.line is not None
    assert late.line.required_date == dt.date(2026, 5, 4)
    assert [each.past_due for each in read(row(day="2026-06-01"))] == [False]
    assert "ten years" in faults(row(day="2015-06-15"))["required_date"]


# -- all at once


def test_all_faults_of_a_line_are_told_at_once() -> None:
    found = faults(f"{HEAD};plant;demand_reference\n ;1.200;PCE;15.06.2026;P2;R-1\n")
    assert set(found) == {"item", "quantity", "unit", "required_date", "plant"}


def test_the_faults_of_parts_are_told_beside_those_of_others() -> None:
    assert set(faults(row("1.5", "EA", "15.06.2026"))) == {"quantity", "required_date"}
    assert set(faults(row("0", "EA", "2099-06-15"))) == {"quantity", "required_date"}


# -- names


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("demand_ref", "demand_reference"),
        ("status", "still to be ordered"),
        ("location", "only the rows of P1"),
        ("Lagerortcode", "only the rows of P1"),
        ("remark", "ignore=remark"),
        ("Item", "ignore=Item"),
    ],
)
def test_a_column_that_means_nothing_stops_the_plan_before_any_line(column: str, says: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(f"{HEAD};{column}\nX;27;EA;2026-06-15;confirmed\n")
    problem = refused.value.problem
    assert problem.code == "unknown_column"
    assert column in problem.detail
    assert says in problem.next_step


def test_all_faults_of_a_head_are_told_at_once() -> None:
    with pytest.raises(Refusal) as refused:
        read("Material;quantity;quantity;Un;status\n")
    problem = refused.value.problem
    assert problem.code == "no_head"
    told = [each.field for each in problem.errors]
    assert told == ["item", "unit", "required_date", "quantity", "Material", "Un", "status"]


def test_what_the_sender_has_ignored_is_left_out_and_named() -> None:
    reader = PlanReader(
        "csv", source="aps", plant="P1", version=7, today=TODAY, ignored=frozenset({"status", "remark", "planner"})
    )
    head, line = f"{HEAD};status;remark;planner".encode(), b"X;27;EA;2026-06-15;confirmed;;anna"
    [found] = reader.read([(1, head), (2, line)])
    assert found.line is not None
    assert found.line.planner is None
    assert reader.end() == ("planner", "remark", "status")


def test_a_required_column_can_not_be_ignored() -> None:
    with pytest.raises(Refusal, match="names no column 'unit'"):
        read(row(), ignored=("unit",))


def test_a_json_key_that_means_nothing_or_stands_twice_refuses_its_line() -> None:
    good = {"item": "X", "quantity": "27", "unit": "EA", "required_date": "2026-06-15"}
    found = faults(json.dumps({**good, "status": "confirmed", "location": "P2", "demand_ref": "R"}), form="ndjson")
    assert set(found) == {"status", "location", "demand_ref"}
    twice = '{"item": "X", "quantity": "27", "quantity": "28", "unit": "EA", "required_date": "2026-06-15"}'
    assert "stands twice" in faults(twice, form="ndjson")["line"]
    pegs = '[{""demand"": ""B"", ""quantity"": 1, ""quantity"": 2, ""date"": ""2026-06-15""}]'
    assert "stands twice" in faults(f'{HEAD};pegging\nX;27;EA;2026-06-15;"{pegs}"\n')["pegging"]


def test_a_name_in_a_peg_that_means_nothing_refuses_the_line_unless_it_is_ignored() -> None:
    peg = {"demand": "B", "quantity": "27", "date": "2026-06-15", "criticallity": "A"}
    line = {"item": "X", "quantity": "27", "unit": "EA", "required_date": "2026-06-15", "pegging": [peg]}
    assert set(faults(json.dumps(line), form="ndjson")) == {"pegging[0].criticallity"}
    assert lines(json.dumps(line), form="ndjson", ignored=("criticallity",))


def test_a_row_of_another_plant_is_refused() -> None:
    assert "not the run's own, 'P1'" in faults(f"{HEAD};plant\nX;27;EA;2026-06-15;P2\n")["plant"]


# -- files


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_comma_semicolon_and_tab_are_told_from_the_head(separator: str) -> None:
    [line] = lines(row().replace(";", separator))
    assert (line.item, line.quantity) == ("X", Decimal(27))


@pytest.mark.parametrize(
    "body",
    [
        codecs.BOM_UTF8 + row().replace("X", "Ö").encode(),
        row().replace("X", "Ö").encode("utf-16"),
        codecs.BOM_UTF16_BE + row().replace("X", "Ö").encode("utf-16-be"),
    ],
)
def test_a_byte_order_mark_says_the_encoding(body: bytes) -> None:
    assert [line.item for line in lines(body)] == ["Ö"]


def test_windows_1252_is_refused_by_line_unless_it_is_stated() -> None:
    body = row().replace("X", "Ö").encode("cp1252")
    assert "CSV UTF-8" in faults(body)["line"]
    assert [line.item for line in lines(body, charset="Windows-1252")] == ["Ö"]
    with pytest.raises(Refusal, match="not UTF-8"):
        read(body.replace(b"item", b"\xf6item"))
    with pytest.raises(Refusal, match="not in its character set"):
        read(b"\x81" + body, charset="windows-1252")
    with pytest.raises(Refusal, match="'klingon' is not taken"):
        codec_of("klingon")


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1", b"<table><tr>", b"\x1f\x8b\x08\x00"])
def test_another_kind_of_file_is_called_by_its_name(start: bytes) -> None:
    with pytest.raises(Refusal, match="not CSV or NDJSON"):
        read(start + b"\n;;\n")


def test_what_spreadsheets_add_means_nothing() -> None:
    body = (
        "sep=;\r\n"
        "\r\n"
        f"{HEAD};demand_reference;;\r\n"
        "X;27;EA;2026-06-15;R-1;;\r\n"
        ";;;;;;\r\n"
        f"{HEAD};demand_reference;;\r\n"
        "Y;28;EA;2026-06-15; \r\n"
        "   \r\n"
    )
    assert [(line.item, line.demand_reference) for line in lines(body)] == [("X", "R-1"), ("Y", None)]
    nameless = read(f"{HEAD};;demand_reference\nX;27;EA;2026-06-15;stray;R-1\n")
    assert "column without a name" in nameless[0].faults[0].reason
    beyond = read(f"{HEAD}\nX;27;EA;2026-06-15;stray\n")
    assert beyond[0].faults[0].reason == "5 values for 4 columns"


def test_a_quoted_value_may_go_on_over_several_lines() -> None:
    body = (
        f"{HEAD};remark\n"
        'X;27;EA;2026-06-15;"first\n'
        "Z;99;EA;2026-06-15;\n"
        '""quoted""; last"\n'
        'Y;28;EA;2026-06-15;"three ""inches"""\n'
        'W;29;EA;2026-06-15;3/4" pipe\n'
    )
    found = read(body, ignored=("remark",))
    assert [(each.number, each.line and each.line.item) for each in found] == [(2, "X"), (5, "Y"), (6, "W")]


def test_a_quote_that_nobody_closes_does_not_take_in_the_rest() -> None:
    rest = "Y;28;EA;2026-06-15\n" * 150
    for body in (f'{HEAD}\n"X;27;EA;2026-06-15\n{rest}', f'{HEAD}\n"X;27;EA;2026-06-15\n'):
        with pytest.raises(Refusal, match="begins in line 2 and does not end"):
            read(body)


def test_names_without_end_are_cheap_to_refuse() -> None:
    """A head of a quarter of a megabyte, and lines of as many keys."""
    names = [f"n{number}" for number in range(15_000)]
    began = time.process_time()
    with pytest.raises(Refusal) as refused:
        read(";".join([*names, "n1"]))
    assert len(refused.value.problem.errors) < 120
    [found] = read(json.dumps(dict.fromkeys(names, 1)), form="ndjson")
    assert len(found.faults) <= 20
    assert time.process_time() - began < 5
