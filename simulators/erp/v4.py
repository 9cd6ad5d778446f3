"""SAP's OData V4 services: requests are put into V2's terms, carried out on the same books, and answered in V4's.

Decided here: V4's addresses (keys as path segments, or in brackets), queries, numbers, dates, entity tags, pages and
errors. Not decided here: what a write does (orders, requisitions, schedules); supplier confirmations (confirmations).
Sources: SAP's own metadata for capabilities and types; OData 4.01 for the protocol. Where both are silent the harder
reading holds: a tagged entity can't be changed without its tag (428), pages are short, a number is no string.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from simulators.erp.books import Books
from simulators.erp.errors import SapError, malformed, not_found, refuse
from simulators.erp.fields import EntitySet, Field, Service
from simulators.erp.service import Answer, Call, Endpoint
from simulators.erp.v4_tables import Set4

PAGE = 200
"""Rows of a page where the caller asks for more."""
_JSON = {"content-type": "application/json;odata.metadata=minimal;charset=utf-8", "odata-version": "4.0"}
_DATE = re.compile(r"^/Date\((-?\d+)(?:\+0000)?\)/$")
_ISO = re.compile(r"('(?:[^']|'')*')|\b(\d{4}-\d\d-\d\d)\b")
_WORD = re.compile(r"('(?:[^']|'')*')|\b([A-Za-z_]\w*)\b")
_OPTIONS = frozenset({"$filter", "$expand", "$select", "$orderby", "$top", "$skip", "$count", "$format", "sap-client"})


@dataclass(frozen=True)
class _Place:
    """Where an address points: a set, V2's address of it, and whether to one entity."""

    kind: Set4
    old: str
    single: bool
    through: bool = False
    """By a navigation that may be inserted through."""


class Endpoint4:
    """A V4 service over the books; the same two methods as V2's Endpoint."""

    def __init__(self, books: Books, service: Service, sets: Mapping[str, Set4], root: str, user: str) -> None:
        self._old = Endpoint(books, service, root, user)
        self._sets = sets
        self._root = root

    def answer(self, call: Call) -> Answer:
        """Carry out a request that stands alone."""
        if call.method not in ("GET", "HEAD"):
            return self.changeset([call])[0]
        try:
            return self._read(call)
        except SapError as error:
            return refused(error)

    def changeset(self, calls: list[Call]) -> list[Answer]:
        """Carry out writes, all or none; where one fails there is a single answer, its error."""
        try:
            old = [self._in_old_terms(call) for call in calls]
        except SapError as error:
            return [refused(error)]
        answers = self._old.changeset(old)
        if len(answers) == 1 and answers[0].status >= 300:
            return [_error_of(answers[0])]
        return [self._written(call, answer) for call, answer in zip(calls, answers, strict=True)]

    # -- reading

    def _read(self, call: Call) -> Answer:
        path, options = _split(call.target)
        if not path:
            return _json(200, {"@odata.context": "$metadata", "value": [{"name": name} for name in self._sets]})
        if path == "$metadata":
            return Answer(200, _edmx(self._sets), {"content-type": "application/xml"})
        strange = [name for name in options if name not in _OPTIONS]
        if strange:
            raise malformed(f"The system query option '{strange[0]}' is not supported")
        place = self._place(path)
        query = {"$expand": _old_expand(place.kind, options.get("$expand", ""), self._sets), "$format": "json"}
        if place.single:
            body = self._old_read(place.old, query)
            return _json(
                200,
                {"@odata.context": f"$metadata#{place.kind.name}/$entity", **self._shown(place.kind, body, options)},
            )
        skip, top = int(options.get("$skip", 0)), int(options.get("$top", 10**9))
        query |= {"$filter": _old_filter(place.kind, options.get("$filter", ""))}
        query |= {"$orderby": _old_words(place.kind, options.get("$orderby", ""))}
        query |= {"$skip": str(skip), "$top": str(min(top, PAGE + 1))}
        found = self._old_read(place.old, {name: value for name, value in query.items() if value})["results"]
        body = {
            "@odata.context": f"$metadata#{place.kind.name}",
            "value": [self._shown(place.kind, row, options) for row in found[: min(top, PAGE)]],
        }
        if len(found) > PAGE and top > PAGE:
            rest = {**options, "$skip": str(skip + PAGE)} | ({"$top": str(top - PAGE)} if "$top" in options else {})
            asked = "&".join(f"{name}={quote(value)}" for name, value in rest.items())
            body["@odata.nextLink"] = f"{path}?{asked}"
        return _json(200, body)

    def _old_read(self, path: str, query: Mapping[str, str]) -> Any:
        asked = "&".join(f"{name}={quote(value)}" for name, value in query.items() if value)
        answer = self._old.answer(Call("GET", f"{path}?{asked}", {"accept": "application/json"}))
        if answer.status >= 300:
            raise _Answered(_error_of(answer))
        return answer.body["d"]

    def _shown(self, kind: Set4, row: Mapping[str, Any], options: Mapping[str, str] | None = None) -> dict[str, Any]:
        """A row of V2's answer as V4 shows it, with what was expanded."""
        wanted = set(options["$select"].split(",")) if options and options.get("$select") else None
        shown: dict[str, Any] = {}
        for name, field in kind.table.fields.items():
            new = kind.new_name(name)
            if name in row and name not in kind.hidden and (wanted is None or new in wanted or new in kind.keys):
                shown[new] = _new_value(kind, field, row[name])
        if kind.tagged:
            shown = {"@odata.etag": self._tag(kind, row), **shown}
        if wanted is None:
            shown["SAP__Messages"] = []
        for name, link in kind.links.items():
            below = row.get(link.old)
            if isinstance(below, dict) and "results" in below:
                shown[name] = [self._shown(self._sets[link.target], each) for each in below["results"]]
            elif isinstance(below, dict) and "__deferred" not in below:
                shown[name] = self._shown(self._sets[link.target], below)
        return shown

    def _tag(self, kind: Set4, row: Mapping[str, Any]) -> str:
        held = {name: row[name] for name in kind.table.fields if name in row}
        return f'W/"{hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:16]}"'

    # -- writing

    def _in_old_terms(self, call: Call) -> Call:
        path, _ = _split(call.target)
        place = self._place(path)
        body = b""
        match call.method:
            case "POST" if not place.single and (place.kind.insertable or place.through):
                body = json.dumps(self._old_body(place.kind, _read_json(call))).encode()
                method = "POST"
            case "PATCH" if place.single:
                self._insist_on_tag(place, call)
                body = json.dumps(self._old_body(place.kind, _read_json(call), deep=False)).encode()
                method = "MERGE"
            case "DELETE" if place.single and place.kind.deletable:
                self._insist_on_tag(place, call)
                method = "DELETE"
            case method:
                raise malformed(f"{method} is not allowed for {path}", status=405)
        return Call(method, place.old, {**call.headers, "content-type": "application/json"}, body)

    def _insist_on_tag(self, place: _Place, call: Call) -> None:
        if not place.kind.tagged:
            return
        given = call.headers.get("if-match", "")
        if not given:
            raise refuse("/IWBEP/CM_V4_COS/110", "Header If-Match is required", status=428)
        row = self._old_read(place.old, {"$format": "json"})
        if given not in ("*", self._tag(place.kind, row)):
            raise refuse("/IWBEP/CM_V4_COS/111", "The entity was changed meanwhile", status=412)

    def _old_body(self, kind: Set4, body: Any, *, deep: bool = True) -> dict[str, Any]:
        if not isinstance(body, dict):
            raise malformed(f"An entry of {kind.name} must be an object")
        old: dict[str, Any] = {}
        for name, value in body.items():
            link = kind.links.get(name)
            if link is not None and deep and link.insertable:
                if not isinstance(value, list):
                    raise malformed(f"'{name}' must be a list")
                old[link.old] = [self._old_body(self._sets[link.target], each) for each in value]
            elif name in kind.ignored:
                continue
            elif kind.old_name(name) in kind.table.fields and kind.old_name(name) not in kind.hidden:
                old[kind.old_name(name)] = _old_value(kind, kind.table.fields[kind.old_name(name)], value)
            else:
                raise malformed(f"Property '{name}' does not exist in type '{kind.name}'")
        return old

    def _written(self, call: Call, answer: Answer) -> Answer:
        if answer.status != 201:
            return Answer(answer.status, None, {"odata-version": "4.0"})
        place = self._place(_split(call.target)[0])
        shown = self._shown(place.kind, answer.body["d"])
        return _json(201, {"@odata.context": f"$metadata#{place.kind.name}/$entity", **shown})

    # -- addresses

    def _place(self, path: str) -> _Place:
        name, bracket, rest = path.partition("(")
        segments = path.split("/")
        if bracket and "/" not in name:
            keyed, _, after = rest.partition(")")
            kind = self._kind(name)
            values = [_unquoted(pair.partition("=")[2] or pair) for pair in keyed.split(",")]
            left = [each for each in after.split("/") if each]
        else:
            kind = self._kind(segments[0])
            values, left = segments[1 : 1 + len(kind.keys)], segments[1 + len(kind.keys) :]
        if not values:
            return _Place(kind, kind.old, single=False)
        if len(values) != len(kind.keys):
            raise not_found(kind.name, path)
        key = ",".join(f"{kind.old_name(n)}='{v}'" for n, v in zip(kind.keys, values, strict=True))
        if len(kind.keys) == 1:
            key = f"'{values[0]}'"
        old = f"{kind.old}({key})"
        if not left:
            return _Place(kind, old, single=True)
        link = kind.links.get(left[0])
        if link is None or len(left) > 1:
            raise not_found(left[0], path)
        many = kind.table.navigations[link.old].many
        return _Place(self._sets[link.target], f"{old}/{link.old}", single=not many, through=link.insertable)

    def _kind(self, name: str) -> Set4:
        kind = self._sets.get(name)
        if kind is None:
            raise not_found(name, "no such set")
        return kind


class _Answered(SapError):
    """V2's books answered with an error."""

    def __init__(self, answer: Answer) -> None:
        error = answer.body["error"]
        super().__init__(refuse(error["code"], error["message"]).problems, answer.status)


def refused(error: SapError) -> Answer:
    """The error body of V4."""
    first, details = error.problems[0], error.problems
    return _json(
        error.status,
        {
            "error": {
                "code": first.code,
                "message": first.text,
                "target": first.target,
                "details": [
                    {
                        "code": one.code,
                        "message": one.text,
                        "target": one.target,
                        "@SAP__common.numericSeverity": 4,
                    }
                    for one in details
                ],
            }
        },
    )


def _error_of(answer: Answer) -> Answer:
    """V2's error in V4's form."""
    error = answer.body["error"]
    details = [
        {
            "code": one["code"],
            "message": one["message"],
            "target": one["target"],
            "@SAP__common.numericSeverity": 4,
        }
        for one in error["innererror"]["errordetails"]
    ]
    body = {"code": error["code"], "message": error["message"]["value"], "details": details}
    return _json(answer.status, {"error": body})


class Number(str):
    """A decimal as its digits, to be written as a JSON number."""


def dump(value: Any) -> str:
    """JSON in which a Number stands as it is."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{dump(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value)


def _json(status: int, body: Any) -> Answer:
    return Answer(status, dump(body).encode(), dict(_JSON))


def _new_value(kind: Set4, field: Field, value: Any) -> Any:
    if kind.name == "PurchaseReqnItem" and field.name == "IsDeleted":
        return bool(value)
    match field.kind:
        case "Decimal":
            return Number(value or "0")
        case "Numc":
            return str(value).lstrip("0") or ("" if field.name not in ("PurchasingDocumentItem",) else "0")
        case "DateTime" | "DateTimeOffset":
            return _iso(value, field.kind == "DateTimeOffset")
        case _:
            return value


def _iso(value: Any, moment: bool) -> str | None:
    found = _DATE.match(value) if isinstance(value, str) else None
    if found is None:
        return None
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(found[1]))
    return at.isoformat().replace("+00:00", "Z") if moment else at.date().isoformat()


def _old_value(kind: Set4, field: Field, value: Any) -> Any:
    wrong = malformed(f"Property '{field.name}' has the invalid value {value!r}")
    if kind.name == "PurchaseReqnItem" and field.name == "IsDeleted":
        if not isinstance(value, bool):
            raise wrong
        return "X" if value else ""
    match field.kind:
        case "Decimal":
            if isinstance(value, bool) or not isinstance(value, int | Decimal):
                raise wrong
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
        case "DateTime":
            if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                raise wrong
            return f"{value}T00:00:00"
        case _:
            return value


def _read_json(call: Call) -> Any:
    if "json" not in call.headers.get("content-type", ""):
        raise malformed("Send Content-Type: application/json", status=415)
    try:
        return json.loads(call.body, parse_float=Decimal)
    except ValueError as error:
        raise malformed(f"The request body is no JSON: {error}") from None


def _split(target: str) -> tuple[str, dict[str, str]]:
    path, _, query = target.partition("?")
    return unquote(path.strip("/")), dict(parse_qsl(query, keep_blank_values=True))


def _unquoted(text: str) -> str:
    return text.strip().strip("'").replace("''", "'")


def _old_filter(kind: Set4, text: str) -> str:
    dated = _ISO.sub(lambda found: found[1] or f"datetime'{found[2]}T00:00:00'", text)
    return _old_words(kind, dated)


def _old_words(kind: Set4, text: str) -> str:
    return _WORD.sub(lambda found: found[1] or kind.old_name(found[2]), text)


def _old_expand(kind: Set4, text: str, sets: Mapping[str, Set4]) -> str:
    """A,B($expand=C) as to_A,to_B,to_B/to_C."""
    found: list[str] = []
    for name, below in _expanded(text):
        link = kind.links.get(name)
        if link is None and name in kind.ignored:
            continue
        if link is None:
            raise malformed(f"'{name}' is no navigation of {kind.name}")
        found.append(link.old)
        nested = _old_expand(sets[link.target], below, sets)
        found += [f"{link.old}/{each}" for each in nested.split(",") if each]
    return ",".join(found)


def _expanded(text: str) -> list[tuple[str, str]]:
    parts: list[tuple[str, str]] = []
    depth, current = 0, ""
    for char in f"{text},":
        depth += (char == "(") - (char == ")")
        if char == "," and not depth:
            name, _, inner = current.strip().partition("(")
            if name:
                parts.append((name, inner.removesuffix(")").removeprefix("$expand=")))
            current = ""
        else:
            current += char
    return parts


_EDM = {"Decimal": "Decimal", "Boolean": "Boolean", "DateTime": "Date", "DateTimeOffset": "DateTimeOffset"}


_BEARERS = ("AccountAssignmentNumber", "GLAccount", "CostCenter", "OrderID", "WBSElementExternalID")
_DESCRIBED = {"PurchaseOrder": "PurchaseOrderAccountAssignment", "PurchaseReqn": "PurchaseReqnAcctAssgmt"}
"""Sets that are taken with others and not kept, by the set that tells the service."""


def _edmx(sets: Mapping[str, Set4]) -> bytes:
    types = "".join(_type(kind, kind.table) for kind in sets.values())
    fields = "".join(f'<Property Name="{name}" Type="Edm.String"/>' for name in _BEARERS)
    others = [other for name, other in _DESCRIBED.items() if name in sets]
    types += "".join(f'<EntityType Name="{name}_Type">{fields}</EntityType>' for name in others)
    names = "".join(f'<EntitySet Name="{name}" EntityType="self.{name}_Type"/>' for name in (*sets, *others))
    return (
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        '<Schema Namespace="self" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f'{types}<EntityContainer Name="Container">{names}</EntityContainer></Schema>'
        "</edmx:DataServices></edmx:Edmx>"
    ).encode()


def _type(kind: Set4, table: EntitySet) -> str:
    shown = [kind.new_name(name) for name in table.fields if name not in kind.hidden]
    shown += [name for name in sorted(kind.ignored) if not name.startswith("_") and name not in shown]
    fields = "".join(f'<Property Name="{name}" Type="Edm.String"/>' for name in shown)
    links = (*kind.links, *(name for name in kind.ignored if name.startswith("_")))
    navigations = "".join(f'<NavigationProperty Name="{name}" Type="self.Other"/>' for name in links)
    return f'<EntityType Name="{kind.name}_Type">{fields}{navigations}</EntityType>'
