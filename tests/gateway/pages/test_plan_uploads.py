"""A planner uploads what a planning system exported: each step says what was understood, and nothing is guessed."""

import io
import re
from html import unescape
from typing import Any

import openpyxl
import pytest

from canonical.plan import PlanStage
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import PLANTS
from tests.gateway.pages.pages import HTML, as_person, page, planner
from tests.gateway.plan_words import delivered, line, matched, through

GERMAN = """Material;Werk;Menge;ME;Bedarfstermin;Planauftrag
FR-R92B-58;P1;27.000;ST;01.07.2026;PA-1
FR-R92B-58;P1;1.200;ST;02.07.2026;PA-2
FR-R92B-58;P9;5;ST;03.07.2026;PA-3
FR-R92B-58;P1;7;XX;04.07.2026;PA-4
"""


async def upload(gateway: Gateway, body: bytes | str, name: str = "plan.csv", **more: str) -> str:
    """The address of the file's next step."""
    raw = body.encode() if isinstance(body, str) else body
    data = {"source": "aps-main", "plant": "P1", "version": "1"} | more
    answer = await gateway.client.post("/plans/new", data=data, files={"file": (name, raw)}, headers=HTML)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def form_in(text: str) -> dict[str, str]:
    """What the mapping's form would send as it stands."""
    form = text[text.index('<form method="post" action="/plans/uploads/') : text.index('<h2 id="preview">')]
    given = {}
    for found in re.finditer(r'<select[^>]*name="([^"]+)".*?</select>', form, re.DOTALL):
        chosen = re.search(r"<option([^>]*) selected>([^<]*)<", found[0])
        if chosen:
            value = re.search(r'value="([^"]*)"', chosen[1])
            given[found[1]] = unescape(value[1] if value else chosen[2])
    for found in re.finditer(r"<input([^>]*)>", form):
        name, value = (re.search(rf'{each}="([^"]*)"', found[1]) for each in ("name", "value"))
        if name and ("checked" in found[1] or not re.search(r'type="(checkbox|radio)"', found[1])):
            given[name[1]] = unescape(value[1]) if value else ""
    return given


async def said(gateway: Gateway, address: str, **changes: str) -> dict[str, str]:
    return form_in(await page(gateway, address)) | changes


async def checked(gateway: Gateway, address: str, **changes: str) -> str:
    """The address of the dry run."""
    form = await said(gateway, address, **changes)
    answer = await gateway.client.post(address, data=form | {"next": "check"}, headers=HTML)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def facts(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(text)))


async def test_a_german_export_is_understood_and_what_is_ambiguous_is_asked(gateway: Gateway) -> None:
    address = await upload(gateway, GERMAN.encode("cp1252"))
    shown = facts(await page(gateway, address))
    assert "27.000 can be two numbers" in shown
    assert "27.000 is then 27 000" in shown.replace("\u202f", " ")
    assert "1 left out: of plant P9" in shown
    assert "column 'Menge': '1.200' can be two numbers: say how the file writes them" in shown
    assert "'7' is no number" not in shown
    form = await said(gateway, address)
    assert (form["column_item"], form["column_required_date"], form["unit_code_0"]) == (
        "Material",
        "Bedarfstermin",
        "EA",
    )
    refused = await gateway.client.post(address, data=form | {"next": "check"}, headers=HTML)
    assert refused.status_code == 422
    assert "can be two numbers" in refused.text
    rules = PLANTS["P1"].plan.model_copy(update={"error_share_max": "0.5"})
    gateway.policies.by_plant["P1"] = PLANTS["P1"].model_copy(update={"plan": rules})
    await gateway.client.post(address, data=form | {"numbers": "comma"})
    shown = facts(await page(gateway, address)).replace("\u202f", " ")
    assert "27 000 EA 2026-07-01" in shown
    assert "5 ME column 'ME': nobody has said which unit 'XX' is" in shown


async def test_from_file_to_started_run_and_the_next_file_is_read_alike(gateway: Gateway) -> None:
    shown = await checked(gateway, await upload(gateway, GERMAN), numbers="comma", unit_code_1="KGM")
    text = await page(gateway, shown)
    assert "3 changes" in text
    assert await gateway.ledger.plans.of_version("aps-main", "P1", 1) is None
    digest = re.search(r'name="shown" value="([^"]+)"', text)
    assert digest
    answer = await gateway.client.post(shown, data={"shown": digest[1], "next": "start"})
    run = gateway.entities.plan_runs[-1]
    assert (answer.status_code, answer.headers["location"]) == (303, f"/plans/{run.number}")
    assert (run.lines, run.stage) == (3, PlanStage.MATCHED)
    await matched(gateway, 1)
    await delivered(gateway, run)
    needs = [message.need for _, message in gateway.entities.messages]  # type: ignore[union-attr]
    assert [(str(need.quantity), need.demand_reference) for need in needs] == [
        ("27000", "PA-1"),
        ("1200", "PA-2"),
        ("7", "PA-4"),
    ]
    again = await upload(gateway, GERMAN.replace("1.200", "1.300"), version="2")
    assert "read as last time" in await page(gateway, again)
    changes = await page(gateway, await checked(gateway, again))
    assert "1 changes" in changes


async def test_what_came_between_is_shown_anew(gateway: Gateway) -> None:
    shown = await checked(gateway, await upload(gateway, GERMAN, version="5"), numbers="comma", unit_code_1="KGM")
    text = await page(gateway, shown)
    digest = re.search(r'name="shown" value="([^"]+)"', text)
    assert digest
    await through(gateway, 4, line("PA-1"), line("OLD"))
    answer = await gateway.client.post(shown, data={"shown": digest[1], "next": "start"})
    assert answer.headers["location"] == f"{shown}?changed=true"
    assert "Something came meanwhile" in await page(gateway, f"{shown}?changed=true")
    assert await gateway.ledger.plans.of_version("aps-main", "P1", 5) is None


def workbook(*rows: list[Any], sheet: str = "Plan") -> bytes:
    book = openpyxl.Workbook()
    active = book.active
    assert active is not None
    active.title = sheet
    for row in rows:
        active.append(row)
    page = io.BytesIO()
    book.save(page)
    return page.getvalue()


FREPPLE = "reference,item,location,supplier,quantity,ordering date,receipt date,status,demands,criticality\n"
ME5A = "|Plnt|Purch.Req.|Material|Quantity|Un|Deliv.Date|\n"


@pytest.mark.parametrize(
    ("body", "looks_like", "lines", "first"),
    [
        (
            f"{FREPPLE}17,FR-1,P1,V1,12.5,2026-06-01 00:00:00,2026-07-01 00:00:00,proposed,SO-1,0\n"
            "18,FR-1,P1,V1,3,2026-06-01 00:00:00,2026-07-02 00:00:00,confirmed,SO-2,0\n",
            "frePPLe, purchase orders",
            1,
            "FR-1 12.5 KGM 2026-07-01 none: matched by date and quantity SO-1",
        ),
        (
            f"Purchase requisitions\n\n{ME5A}|----|----|----|----|----|----|\n"
            "|P1|0010000001|FR-1|1,200.000|ST|31.12.2026|\n"
            f"{ME5A}|P1|0010000002|FR-2|10.000-|ST|30.12.2026|\n",
            "SAP ME5A, purchase requisitions",
            2,
            "FR-1 1 200 EA 2026-12-31 0010000001",
        ),
        (
            "mrp_area_id;product_id;mrp_qty;due_date\nP1;[FR-1] Frame, red;5.0;2026-07-01\n",
            "Odoo, planned orders (MRP multi level)",
            1,
            "FR-1 5 KGM 2026-07-01",
        ),
        (
            workbook(
                ["Bedarfs-/Bestandsliste FR-1"],
                ["Plantermine", "Dispoel.", "Daten zum DE", "Zugang/Bedarf", "Verfügb. Menge"],
                ["01.07.2026", "Pl-Auf", "0000012345/LA", 40, 100],
                ["02.07.2026", "K-Auft", "0000000007", -40, 60],
            ),
            "SAP MD04, Bedarfs-/Bestandsliste",
            1,
            "FR-1 40 KGM 2026-07-01 0000012345/LA",
        ),
        (
            "No.\tLocation Code\tAction Message\tQuantity\tUnit of Measure Code\tDue Date\tRef. Order No.\n"
            "FR-1\tP1\tNew\t5\tPCS\t12/31/2026\tPO-1\n",
            "Business Central, planning worksheet",
            1,
            "FR-1 5 EA 2026-12-31 PO-1",
        ),
        (
            '{"part": "FR-1", "qty": 12.5, "unit": "KGM", "due date": "2026-07-01"}\n',
            "a table of its own",
            1,
            "FR-1 12.5 KGM 2026-07-01",
        ),
    ],
)
async def test_the_exports_of_known_systems_are_recognized(
    gateway: Gateway, body: str | bytes, looks_like: str, lines: int, first: str
) -> None:
    address = await upload(gateway, body)
    form = await said(gateway, address, fixed_unit="KGM")
    if not form.get("column_item"):
        form["fixed_item"] = "FR-1"
    found = facts(await page(gateway, address))
    assert f"Looks like {looks_like}" in found
    await gateway.client.post(address, data=form | {"next": "preview"})
    shown = facts(await page(gateway, address)).replace("\u202f", " ")
    assert f"{lines} rows are lines of the plan" in shown
    assert first in shown


async def test_a_workbook_s_own_numbers_and_days_have_no_form_to_ask_for(gateway: Gateway) -> None:
    import datetime as dt

    book = workbook(["Artikel", "Menge", "Einheit", "Termin"], ["FR-1", 27.125, "kg", dt.date(2026, 7, 6)])
    text = await page(gateway, await checked(gateway, await upload(gateway, book, "plan.xlsx")))
    assert "27.125 KGM" in facts(text)
    assert "2026-07-06" in text


async def test_what_is_wrong_with_a_file_is_said_beside_what_was_filled_in(gateway: Gateway) -> None:
    for body, why in (
        (b"", "the file is empty"),
        (b"%PDF-1.7", "the file is a PDF"),
        (b"PK\x03\x04 not a zip", "the workbook is damaged"),
        (b"<table><tr>", "HTML or XML"),
        (b"only one column\n1\n", "no line of the file has several columns"),
        (b"item;quantity\n", "no rows under its head"),
    ):
        data = {"source": "aps-main", "plant": "P1", "version": "7", "partial": "yes"}
        answer = await gateway.client.post("/plans/new", data=data, files={"file": ("plan.csv", body)}, headers=HTML)
        assert answer.status_code == 422
        assert why in answer.text
        assert 'value="7"' in answer.text
    data = {"source": "aps-main", "plant": "P1", "version": "soon"}
    answer = await gateway.client.post("/plans/new", data=data, files={"file": ("p.csv", b"x")}, headers=HTML)
    assert "is no version" in unescape(answer.text)


async def test_an_upload_is_its_person_s_own_and_a_discarded_one_leaves_nothing(gateway: Gateway) -> None:
    with as_person(gateway, planner("P1")):
        address = await upload(gateway, GERMAN)
        shown = await checked(gateway, address, numbers="comma")
    await page(gateway, address, 404)
    with as_person(gateway, planner("P2")):
        await page(gateway, address, 404)
        await page(gateway, shown, 404)
        answer = await gateway.client.post(
            "/plans/new", data={"source": "a", "plant": "P1", "version": "1"}, headers=HTML
        )
        assert answer.status_code == 403
    with as_person(gateway, planner("P1")):
        assert (await gateway.client.post(shown, data={"next": "discard"})).status_code == 303
        await page(gateway, address, 404)
        await page(gateway, shown, 404)
    with as_person(gateway, planner("P1", csrf_token="of-this-session")):
        answer = await gateway.client.post("/plans/new", data={"source": "a", "plant": "P1", "version": "1"})
        assert (answer.status_code, answer.json()["code"]) == (403, "stale_form")
