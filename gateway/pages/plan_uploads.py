"""Uploading a plan: the file, how its columns are read, what it would change, and its start.

Decided here: the steps and what each shows. Not here: how a file is read (gateway.plan_runs.uploaded, mapping) and what
a plan changes (gateway.plan_runs.intake). Each step is an address: going back loses nothing.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from canonical.plan import NumberedLine
from canonical.units import UNITS
from decisions.plan_limits import over_error_limit
from gateway.access.prices import record_seen
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.pages.links import page_of
from gateway.pages.plans import OUTCOMES
from gateway.pages.shell import form_of, moment, render, see
from gateway.parts import Parts, PartsPart
from gateway.plan_runs.intake import PlanSent
from gateway.plan_runs.mapping import (
    FIELDS,
    FileMapping,
    RowReader,
    Understood,
    first_mapping,
    forms_of,
    settled,
    units_in,
    with_units,
)
from gateway.plan_runs.national import DAY_FORMS, NUMBER_FORMS, DayForm, NumberForm, day_of, number_of
from gateway.plan_runs.reading import PlanReader
from gateway.plan_runs.routes import held_plan, priced_in, questions_of
from gateway.plan_runs.uploaded import FILE_BYTES_MAX, ROWS_MAX, SEPARATORS, FileFound, take_apart
from gateway.problems import Refusal, not_found
from ledger.plan_runs.uploads import PlanUpload

routes = APIRouter(prefix="/plans", include_in_schema=False, dependencies=[needs(Right.PLAN)])

_PREVIEW_LINES = 20
_ERRORS_SHOWN = 30
_LINES_AT_ONCE = 2_000
_FILE_MB = FILE_BYTES_MAX // 1024 // 1024
_NAME_MAX = 200


@routes.get("/new")
async def read_new(request: Request, parts: PartsPart, principal: PrincipalPart) -> HTMLResponse:
    principal.require(Right.PLAN)
    return await _new(request, parts, principal, {}, None)


@routes.post("/new")
async def take_file(request: Request, parts: PartsPart, principal: PrincipalPart) -> Response:
    """Keep the file; what is wrong is said beside what was filled in."""
    principal.require(Right.PLAN)
    fields = await form_of(request, principal)
    given = {name: str(fields.get(name, "")).strip() for name in ("source", "plant", "version")}
    given["partial"] = "yes" if fields.get("partial") else ""
    try:
        return see(await _kept(parts, principal, fields, given))
    except Refusal as refusal:
        if refusal.problem.status == 403:
            raise
        return await _new(request, parts, principal, given, refusal)


@routes.get("/uploads/{upload_id}")
async def read_upload(request: Request, parts: PartsPart, principal: PrincipalPart, upload_id: str) -> HTMLResponse:
    upload = await _found(parts, principal, upload_id)
    return await _mapping_page(request, parts, principal, upload, await _mapping_of(parts, upload))


@routes.post("/uploads/{upload_id}")
async def read_as(request: Request, parts: PartsPart, principal: PrincipalPart, upload_id: str) -> Response:
    """Take how the file is read; `next=check` also makes the dry run."""
    upload = await _found(parts, principal, upload_id)
    fields = await form_of(request, principal)
    if fields.get("next") == "discard":
        await parts.ledger.plans.uploads.forget(upload_id)
        return see("/plans")
    mapping = _mapping_in(fields)
    await parts.ledger.plans.uploads.read_as(upload_id, mapping.model_dump(mode="json"))
    if fields.get("next") != "check":
        return see(f"/plans/uploads/{upload_id}")
    try:
        found, ready = await asyncio.to_thread(_ready, upload, mapping)
    except Refusal as refusal:
        return await _mapping_page(request, parts, principal, upload, mapping, refusal)
    run = await parts.plan_intake.hold_lines(
        _sent(upload), _lines(found, ready, _reader(parts, upload), upload.plant), _digest(upload, ready)
    )
    said = mapping.model_dump(mode="json")
    await parts.ledger.plans.uploads.read_as(upload_id, said, run=run.number)
    await parts.ledger.plans.uploads.confirm_mapping(upload.source, said, principal.subject)
    return see(f"/plans/dry-runs/{run.number}")


@routes.get("/dry-runs/{number}")
async def read_dry_run(
    request: Request, parts: PartsPart, principal: PrincipalPart, number: int, changed: Annotated[bool, Query()] = False
) -> HTMLResponse:
    run = await held_plan(parts, principal, number)
    priced = principal.may(Right.SEE_PRICES)
    dry_run = await parts.plan_intake.dry_run(number, priced=priced)
    if dry_run is None:
        raise _gone()
    await record_seen(parts.ledger, principal, priced_in(dry_run), "a dry run's largest changes")
    rules = parts.plan_intake.owned(run.source, run.plant).plan
    upload = await parts.ledger.plans.uploads.of_run(number)
    return render(
        request,
        "plan_dry_run.html",
        principal,
        {
            "dry_run": dry_run,
            "run": run,
            "changed": changed,
            "outcomes": [(*OUTCOMES[each], dry_run.outcomes[each]) for each in OUTCOMES if dry_run.outcomes.get(each)],
            "questions": questions_of(dry_run, rules),
            "would_stop": over_error_limit(run, rules),
            "largest": [(each, page_of(each.requirement_id), OUTCOMES[each.outcome][0]) for each in dry_run.largest],
            "priced": priced,
            "holding_at": moment(dry_run.holding.received_at, parts.zone_of(run.plant)) if dry_run.holding else "",
            "back": f"/plans/uploads/{upload}" if upload else None,
        },
    )


@routes.post("/dry-runs/{number}")
async def start_plan(request: Request, parts: PartsPart, principal: PrincipalPart, number: int) -> RedirectResponse:
    """Start exactly what was shown; where that is no longer what would happen, show it anew."""
    run = await held_plan(parts, principal, number)
    fields = await form_of(request, principal)
    if fields.get("next") == "discard":
        upload = await parts.ledger.plans.uploads.of_run(number)
        if upload is not None:
            await parts.ledger.plans.uploads.forget(upload)
        await parts.ledger.plans.staging.discard(run)
        return see("/plans")
    try:
        started = await parts.plan_intake.start(number, str(fields.get("shown", "")))
    except Refusal as refusal:
        if refusal.problem.code in ("no_longer_as_shown", "stale_plan", "plan_conflict", "over_error_limit"):
            return see(f"/plans/dry-runs/{number}?changed=true")
        raise
    return see(f"/plans/{started.number}")


async def _new(
    request: Request, parts: Parts, principal: Principal, given: Mapping[str, str], refusal: Refusal | None
) -> HTMLResponse:
    newest = await parts.ledger.plans.overview(principal.plants, limit=100)
    versions: dict[tuple[str, str], int] = {}
    for row in newest.items:
        key = (row.run.source, row.run.plant)
        versions[key] = max(versions.get(key, 0), row.run.version)
    return render(
        request,
        "plan_new.html",
        principal,
        {
            "given": given,
            "problem": refusal.problem if refusal else None,
            "plants": principal.only(sorted(parts.policies.plants)),
            "versions": [(*key, version) for key, version in sorted(versions.items())],
            "sources": sorted({source for source, _ in versions}),
            "mb": _FILE_MB,
            "rows": ROWS_MAX,
        },
        status=refusal.problem.status if refusal else 200,
    )


async def _kept(parts: Parts, principal: Principal, fields: FormData, given: Mapping[str, str]) -> str:
    """The address of the file's next step; raises Refusal naming the field of the form."""
    source, plant, version = given["source"], given["plant"], given["version"]
    if not source:
        raise _wrong("source", "the source is missing", "name the planning system, as in its events")
    if not (version.isdecimal() and version.isascii() and len(version) <= 15):
        raise _wrong(
            "version", f"{version!r} is no version", "give a whole number; of two plans the higher is the newer"
        )
    principal.require(Right.PLAN, plant)
    parts.plan_intake.owned(source, plant)
    file = fields.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise _wrong("file", "no file was chosen", "choose the file with the plan's rows")
    body = await file.read(FILE_BYTES_MAX + 1)
    if len(body) > FILE_BYTES_MAX:
        raise Refusal(413, "file_too_large", f"the file has more than {_FILE_MB} MB", _LARGER, field="file")
    found = await asyncio.to_thread(take_apart, body)
    if not found.rows:
        raise _wrong("file", "the file has no rows under its head", "choose the file with the plan's rows")
    upload = await parts.ledger.plans.uploads.keep(
        principal.subject,
        source,
        plant,
        int(version),
        partial=bool(given["partial"]),
        name=file.filename[:_NAME_MAX],
        body=body,
        now=parts.now(),
    )
    return f"/plans/uploads/{upload}"


_LARGER = "send it to the API (POST /v1/plan-runs) or with `cli.py plan run`, which take a million lines"


async def _found(parts: Parts, principal: Principal, upload_id: str) -> PlanUpload:
    """The upload, of the person who sent it."""
    upload = await parts.ledger.plans.uploads.find(upload_id)
    if upload is None or upload.person != principal.subject or not principal.sees(upload.plant):
        raise _gone()
    principal.require(Right.PLAN, upload.plant)
    return upload


def _gone() -> Refusal:
    return not_found("upload", "", "it was started, discarded, or forgotten after a day: upload the file again")


async def _mapping_of(parts: Parts, upload: PlanUpload) -> FileMapping | None:
    """As its person last said, else as the source's files were last read; None: nobody has said."""
    for said in (upload.mapping, await parts.ledger.plans.uploads.mapping_of(upload.source)):
        if said is not None:
            try:
                return FileMapping.model_validate(said)
            except ValidationError:
                continue
    return None


async def _mapping_page(
    request: Request,
    parts: Parts,
    principal: Principal,
    upload: PlanUpload,
    mapping: FileMapping | None,
    refusal: Refusal | None = None,
) -> HTMLResponse:
    reader = _reader(parts, upload)
    shown = await asyncio.to_thread(_shown, upload, mapping, reader)
    return render(
        request,
        "plan_mapping.html",
        principal,
        {
            **shown,
            "upload": upload,
            "problem": refusal.problem if refusal else None,
            "fields": FIELDS,
            "unit_codes": {code: unit.name for code, unit in sorted(UNITS.items())},
            "number_forms": NUMBER_FORMS,
            "day_forms": DAY_FORMS,
            "separators": SEPARATORS,
        },
        status=refusal.problem.status if refusal else 200,
    )


def _shown(upload: PlanUpload, said: FileMapping | None, reader: PlanReader) -> dict[str, Any]:
    """What the page of a file shows; runs in a thread, since a large file takes a second or two."""
    found = take_apart(upload.body, encoding=said.encoding if said else "", sheet=said.sheet if said else "")
    export, note, remembered = "", "", upload.mapping is None and said is not None
    if said is None or not set(said.columns.values()) & set(found.columns):
        said, export, note = first_mapping(found)
        remembered = False
    mapping = with_units(said, found)
    forms = forms_of(found, mapping)
    rows = RowReader(settled(mapping, forms), reader, upload.plant)
    understood = [rows.understood(row) for row in found.rows]
    taken = [each for each in understood if each.line is not None]
    refused = [each for each in taken if each.line is not None and each.line.line is None]
    return {
        "found": found,
        "mapping": mapping,
        "export": export,
        "note": note,
        "remembered": remembered,
        "missing": mapping.missing,
        "units": [(written, mapping.units.get(written, "")) for written in units_in(found, mapping)],
        "numbers": forms.numbers,
        "number_examples": {form: number_of(forms.numbers.doubt, form) for form in NumberForm},
        "days": forms.days,
        "day_examples": {form: day_of(forms.days.doubt, form) for form in DayForm},
        "preview": taken[:_PREVIEW_LINES],
        "errors": [_errors_of(each, mapping) for each in refused[:_ERRORS_SHOWN]],
        "taken": len(taken),
        "refused": len(refused),
        "left_out": rows.left_out.most_common(10),
    }


def _errors_of(each: Understood, mapping: FileMapping) -> tuple[int, list[tuple[str, str]]]:
    """A line's number, and what is wrong in which of the file's columns."""
    assert each.line is not None
    return each.row.number, [
        (mapping.columns.get(fault.field.partition("[")[0], "") or fault.field, fault.reason)
        for fault in each.line.faults
    ]


def _ready(upload: PlanUpload, said: FileMapping) -> tuple[FileFound, FileMapping]:
    """The file and how to read it; raises Refusal where something is still to be said."""
    found = take_apart(upload.body, encoding=said.encoding, sheet=said.sheet)
    if missing := said.missing:
        names = ", ".join(field.label.lower() for field in missing)
        raise _wrong(missing[0].name, f"nothing gives the {names}", "choose a column for it, or give a fixed value")
    forms = forms_of(found, said)
    mapping = settled(said, forms)
    if mapping.numbers is None:
        raise _wrong(
            "numbers", f"{forms.numbers.doubt!r} can be two numbers", "say below how the file writes its numbers"
        )
    if mapping.days is None:
        raise _wrong("days", f"{forms.days.doubt!r} can be two days", "say below how the file writes its days")
    return found, mapping


def _wrong(field: str, detail: str, step: str) -> Refusal:
    return Refusal(422, "invalid_field", detail, step, field=field)


def _sent(upload: PlanUpload) -> PlanSent:
    return PlanSent(upload.source, upload.plant, upload.version, upload.partial, "application/x-ndjson", "")


def _reader(parts: Parts, upload: PlanUpload) -> PlanReader:
    return PlanReader(
        "ndjson",
        source=upload.source,
        plant=upload.plant,
        version=upload.version,
        today=parts.today(upload.plant),
    )


async def _lines(
    found: FileFound, mapping: FileMapping, reader: PlanReader, plant: str
) -> AsyncIterator[list[NumberedLine]]:
    rows = RowReader(mapping, reader, plant)
    lines = _taken(rows, found)
    while some := await asyncio.to_thread(lambda: list(islice(lines, _LINES_AT_ONCE))):
        yield some


def _taken(rows: RowReader, found: FileFound) -> Iterator[NumberedLine]:
    for row in found.rows:
        understood = rows.understood(row)
        if understood.line is not None:
            yield understood.line


def _digest(upload: PlanUpload, mapping: FileMapping) -> bytes:
    """Of what the plan says: the same file read in another way is another plan."""
    said = json.dumps(mapping.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(hashlib.sha256(upload.body).digest() + said.encode()).digest()


def _mapping_in(fields: FormData) -> FileMapping:
    """The mapping as the form has it; raises Refusal."""

    def text(name: str) -> str:
        value = fields.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    units = {}
    for number in range(200):
        if not (written := text(f"unit_written_{number}")):
            break
        units[written] = text(f"unit_code_{number}")
    try:
        return FileMapping.model_validate(
            {
                "columns": {each.name: text(f"column_{each.name}") for each in FIELDS if text(f"column_{each.name}")},
                "constants": {each.name: text(f"fixed_{each.name}") for each in FIELDS if text(f"fixed_{each.name}")},
                "units": units,
                "numbers": text("numbers") or None,
                "days": text("days") or None,
                "only_column": text("only_column"),
                "only_values": [each.strip() for each in text("only_values").split(";") if each.strip()],
                "in_brackets": bool(text("in_brackets")),
                "encoding": text("encoding"),
                "sheet": text("sheet"),
            }
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise _wrong(name, f"{name}: {first['msg']}", "correct it and send the form again") from error


__all__ = ["routes"]
