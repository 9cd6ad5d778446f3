"""The KPI, latency map and supplier pages: what they show, and that each figure leads to what it counts."""

import csv
import dataclasses
import datetime as dt
import io
import re
from decimal import Decimal
from typing import Any

import pytest

from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.identity import ExceptionId, OrderId, RequirementId
from canonical.records import (
    ExceptionSnapshot,
    ExceptionState,
    OrderLineSnapshot,
    OrderSnapshot,
    OrderStage,
)
from tests.gateway.conftest import Gateway
from tests.gateway.figures import ANNA, MAY, OnlyAt, requirement

HOUR = dt.timedelta(hours=1)
MONTH = "from=2026-05-01&to=2026-05-31"
ORDER = OrderId("order/P1/1580/o1")


@pytest.fixture
async def told(gateway: Gateway) -> Gateway:
    """A requirement, ordered in three hours and answered in five more; its line was changed twice; a question waits."""
    gateway.clock[0] = MAY + dt.timedelta(days=3)
    need = requirement("P1", "PL-1")

    async def say(snapshot: Any, *said: tuple[str, float, dict[str, Any]]) -> None:
        events = [gateway.audit_event(snapshot.id, kind, MAY + hours * HOUR, data) for kind, hours, data in said]
        await gateway.record(snapshot, *events)

    decided = {"outcome": {"supplier": "1580", "route": "direct"}, "item": {"item_class": "chains"}}
    await say(need, ("requirement.opened", 0, {}), ("sourcing.decided", 1, decided))
    asked = {"line": 10, "requirement_id": need.id, "quantity": "100"}
    order = OrderSnapshot(
        id=ORDER,
        plant="P1",
        supplier="1580",
        supplier_name="Chains & Co.",
        stage=OrderStage.SENT,
        lines=(line(need.id),),
    )
    await say(
        order,
        ("consolidation.closed", 2, {"lines": [asked]}),
        ("order.placed", 3, {}),
        ("order.sent", 4, {"revision": 1, "changed": []}),
    )
    promised = [{"quantity": "100", "date": "2026-05-05", "state": "confirmed"}]
    await say(order, ("order.answered", 9, {"revision": 1, "lines": [{"line": 10, "schedule_lines": promised}]}))
    for revision, quantity in ((2, "80"), (3, "90")):
        await say(
            order,
            ("order.changed", 10 + revision, {"revision": revision, "lines": [asked | {"quantity": quantity}]}),
            ("order.sent", 11 + revision, {"revision": revision, "changed": [10]}),
        )
    await say(order, ("document.edited", 20, {"line": 10}))
    await say(question(), ("exception.opened", 5, {"to": "buyer"}), ("exception.escalated", 7, {"to": "manager"}))
    return gateway


def line(requirement_id: str) -> OrderLineSnapshot:
    return OrderLineSnapshot(
        line=10,
        item="BK-100",
        requirement_id=RequirementId(requirement_id),
        quantity=Decimal(100),
        unit="EA",
        delivery_date=dt.date(2026, 5, 5),
        price="2.00",
        shipped=Decimal(0),
        received=Decimal(0),
        allocated=Decimal(100),
    )


def question() -> ExceptionSnapshot:
    proposal = Proposal(
        kind=ExceptionKind.NO_ANSWER,
        summary="1580 does not answer",
        plant="P1",
        supplier="1580",
        item="BK-100",
        alternatives=(Alternative(choice=Choice.WAIT),),
    )
    return ExceptionSnapshot(
        id=ExceptionId("exception/o1-1"),
        raised_by=ORDER,
        proposal=proposal,
        digest=proposal.digest,
        state=ExceptionState.OPEN,
        assignee="manager",
        opened_at=MAY,
    )


async def page(gateway: Gateway, address: str, status: int = 200) -> str:
    found = await gateway.client.get(address, headers={"accept": "text/html"})
    assert found.status_code == status, found.text[:2000]
    assert "style=" not in found.text
    assert "<script>" not in found.text
    return found.text


def table(text: str, caption: str) -> dict[str, list[str]]:
    """A table's rows by their head."""
    whole = next(each for each in re.findall(r"<table>.*?</table>", text, re.S) if caption in each)
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', whole, re.S)
    bare = [
        (re.sub(r"<[^>]+>", "", head).strip(), re.findall(r"<td[^>]*>(.*?)</td>", rest, re.S)) for head, rest in rows
    ]
    return {head: [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells] for head, cells in bare}


async def test_each_kpi_has_a_table_a_described_chart_and_the_period_before(told: Gateway) -> None:
    text = await page(told, f"/kpis?{MONTH}&plant=P1&item_class=&group_by=supplier")
    rows = table(text, "Requirement to order, requirements")
    assert rows["This period"][:3] == ["1", "4.0 h", "4.0 h"]
    assert rows["Period before"][:2] == ["0", "–"]
    assert rows["1580"][0] == "1"
    assert table(text, "Acknowledgment latency")["This period"][5] == "2"  # two revisions wait
    for svg in re.findall(r"<svg.*?</svg>", text, re.S):
        assert 'role="img"' in svg
        assert "<title" in svg
        assert "<desc" in svg


async def test_figures_and_what_is_behind_them_are_taken_along(told: Gateway) -> None:
    figures = await csv_rows(told, f"/kpis.csv?{MONTH}&group_by=supplier")
    of_one = [row for row in figures if row["KPI"] == "requirement_to_order"]
    assert [(row["From"], row["Group"], row["Ended number"], row["Ended p50"]) for row in of_one] == [
        ("2026-05-01", "", "1", "4.00"),
        ("2026-03-31", "", "0", ""),
        ("2026-05-01", "1580", "1", "4.00"),
    ]
    [behind] = await csv_rows(told, f"/kpis/requirement_to_order/entities.csv?{MONTH}")
    assert (behind["Supplier"], behind["From"], behind["hours"]) == ("1580", MAY.isoformat(), "4.00")
    assert behind["Address"].startswith("/requirements/P1/")


async def test_people_have_names(told: Gateway) -> None:
    told.clock[0] = MAY + dt.timedelta(days=3)
    await told.ledger.people.met("7c0f", "Bea Buyer", "", MAY)
    asked = question().model_copy(update={"id": ExceptionId("exception/o1-2")})
    said = (("exception.opened", 0, {"to": "buyer"}), ("exception.closed", 2, {"decided_by": "7c0f", "choice": "wait"}))
    closed = asked.model_copy(update={"state": ExceptionState.DECIDED, "closed": True})
    await told.record(
        closed, *(told.audit_event(asked.id, kind, MAY + hours * HOUR, data) for kind, hours, data in said)
    )
    text = await page(told, f"/kpis?{MONTH}&group_by=buyer")
    assert "Bea Buyer" in table(text, "Questions to people")
    assert '<option value="7c0f">Bea Buyer</option>' in text
    assert [row["Group"] for row in await csv_rows(told, f"/kpis.csv?{MONTH}&group_by=buyer")].count("Bea Buyer") >= 1


async def csv_rows(gateway: Gateway, address: str) -> list[dict[str, str]]:
    found = await gateway.client.get(address)
    assert found.headers["content-type"].startswith("text/csv"), found.text
    return [*csv.DictReader(io.StringIO(found.text.removeprefix("\ufeff")))]


async def test_a_dimension_that_a_kpi_has_not_is_said(told: Gateway) -> None:
    text = await page(told, f"/kpis?{MONTH}&group_by=item_class")
    assert "left out: " in text
    assert "chains" in text


async def test_a_figure_leads_to_what_it_counts(told: Gateway) -> None:
    text = await page(told, f"/kpis?{MONTH}")
    (address,) = re.findall(r'href="(/kpis/question_ageing\?[^"]*open=true)"', text)
    entities = await page(told, address.replace("&amp;", "&"))
    assert 'href="/questions/o1-1"' in entities
    counted = await page(told, f"/kpis/manual_correction?{MONTH}")
    assert 'href="/orders/P1/1580/o1"' in counted


async def test_the_latency_map_says_who_holds_each_step(told: Gateway) -> None:
    text = await page(told, f"/kpis/latency-map?{MONTH}&by=supplier")
    steps = table(text, "The steps of the cycle")
    assert steps["Sent → answered"][:6] == ["supplier, people", "waiting", "1", "5.0 h", "5.0 h", "55.6 %"]
    assert steps["Sent → answered"][6:] == ["1", "2", "4.0 h"]
    assert "1580" in table(text, "p90 of each step")
    exported = await told.client.get(f"/kpis/latency-map.csv?{MONTH}&by=supplier")
    assert exported.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(exported.text.removeprefix("\ufeff"))))
    assert ["Sent → answered", "1580", "supplier", "no", "1", "5.00", "5.00", "5.00", "", ""] in rows


async def test_a_supplier_has_its_answers_open_lines_and_change_budget(told: Gateway) -> None:
    text = await page(told, f"/suppliers?{MONTH}")
    assert table(text, "What is open is of now")["1580 Chains &amp; Co."] == [
        "1", "1", "1", "2", "5.0 h", "5.0 h", "–", "0", "2.00 over budget",
    ]  # fmt: skip
    one = await page(told, f"/suppliers/1580?{MONTH}")
    assert table(one, "Order revisions by the time")["within 8 h"] == ["1"]
    assert "the budget is 0.50" in one
    assert 'href="/questions/o1-1"' in one
    assert 'href="/orders/P1/1580/o1"' in one
    await page(told, "/suppliers/9999", 404)


async def test_pages_show_nothing_of_a_foreign_plant(told: Gateway) -> None:
    other = dataclasses.replace(ANNA, plants=frozenset({"P2"}))
    told.app.add_middleware(OnlyAt, principal=other)
    assert "1580" not in await page(told, f"/kpis?{MONTH}&group_by=supplier")
    assert "1580" not in await page(told, f"/kpis/latency-map?{MONTH}&by=supplier")
    assert "1580" not in await page(told, f"/suppliers?{MONTH}")
    assert "o1-1" not in await page(told, f"/kpis/question_ageing?{MONTH}&open=true")
    await page(told, f"/suppliers/1580?{MONTH}", 404)
    await page(told, f"/kpis?{MONTH}&plant=P1", 403)
