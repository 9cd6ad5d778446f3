"""One OData service: from a request (alone or out of a $batch) to an answer.

Decided here: which operation an address and method mean. Not decided here: sessions (app), business rules
(requisitions, orders, schedules), what a read finds (query).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from simulators.erp import components, orders, requisitions, schedules
from simulators.erp.books import Books, Work
from simulators.erp.errors import SapError, error_body, malformed, not_found
from simulators.erp.fields import EntitySet, Service
from simulators.erp.metadata import metadata
from simulators.erp.query import Reading, parse_key
from simulators.erp.wire import Row, entity_uri

Create = Callable[[Work, str, Any, Row], Row]
Merge = Callable[[Work, str, Row, Any], None]
Delete = Callable[[Work, str, Row], None]

CREATE: dict[str, Create] = {
    "A_PurchaseRequisitionHeader": lambda work, path, body, _: requisitions.create_requisition(work, path, body),
    "A_PurchaseRequisitionItem": requisitions.create_item,
    "A_PurchaseOrder": lambda work, path, body, _: orders.create_order(work, path, body),
    "A_PurchaseOrderItem": orders.create_item,
    "A_PurchaseOrderScheduleLine": schedules.create_line,
    "A_POSubcontractingComponent": components.create_component,
}
MERGE: dict[str, Merge] = {
    "A_PurchaseRequisitionHeader": requisitions.merge_requisition,
    "A_PurchaseRequisitionItem": requisitions.merge_item,
    "A_PurchaseOrder": orders.merge_order,
    "A_PurchaseOrderItem": orders.merge_item,
    "A_PurchaseOrderScheduleLine": schedules.merge_line,
    "A_POSubcontractingComponent": components.merge_component,
}
DELETE: dict[str, Delete] = {
    "A_PurchaseOrder": orders.delete_order,
    "A_PurchaseOrderItem": orders.delete_item,
    "A_PurchaseOrderScheduleLine": schedules.delete_line,
    "A_POSubcontractingComponent": components.delete_component,
}
_OPTIONS = frozenset(
    {"$filter", "$top", "$skip", "$orderby", "$select", "$expand", "$inlinecount", "$format", "$count"}
)


@dataclass(frozen=True)
class Call:
    """A request within a service: `target` is path and query after the service's root, still percent-encoded."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    @property
    def verb(self) -> str:
        """The method that is meant: tunnelled or not, PATCH being MERGE."""
        tunnelled = self.headers.get("x-http-method", "") if self.method == "POST" else ""
        verb = (tunnelled or self.method).upper()
        return "MERGE" if verb == "PATCH" else verb


@dataclass(frozen=True)
class Answer:
    """What is answered: JSON, or text as it is."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """Return the body as bytes."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Place:
    """Where an address points: a set, an entity of it, what a navigation leads to."""

    entity_set: EntitySet
    key: Row | None
    within: Row
    """Fields that the rows must equal: the key, or what the navigation says."""
    single: bool
    count: bool = False


class Endpoint:
    """A service over the books; `root` is its absolute address, as entities name themselves."""

    def __init__(self, books: Books, service: Service, root: str, user: str) -> None:
        self.books = books
        self.service = service
        self.root = root
        self.user = user
        self.reading = Reading(root, service, books.rows)

    def answer(self, call: Call) -> Answer:
        """Carry out a request that stands alone."""
        if call.verb in ("GET", "HEAD"):
            return self._guarded(lambda: self._read(call))
        return self.changeset([call])[0]

    def changeset(self, calls: list[Call]) -> list[Answer]:
        """Carry out writes, all or none; where one fails there is a single answer, its error."""
        work = Work(self.books, calls[0].headers if calls else {}, self.user)
        try:
            rows = [self._write(call, work) for call in calls]
            schedules.settle(work)
            answers = [self._written(call, row) for call, row in zip(calls, rows, strict=True)]
        except SapError as error:
            work.roll_back()
            return [self._error(error)]
        work.commit()
        return answers

    def _guarded(self, carry_out: Callable[[], Answer]) -> Answer:
        try:
            return carry_out()
        except SapError as error:
            return self._error(error)

    def _error(self, error: SapError) -> Answer:
        return Answer(
            error.status,
            error_body(error, self.service.name),
            {"content-type": "application/json;charset=utf-8", "dataserviceversion": "1.0"},
        )

    def _read(self, call: Call) -> Answer:
        path, options = _split(call.target)
        if path == "$metadata":
            return Answer(200, metadata(self.service), {"content-type": "application/xml;charset=utf-8"})
        unknown = [name for name in options if name.startswith("$") and name not in _OPTIONS]
        if unknown:
            raise malformed(f"The query option '{unknown[0]}' is not supported")
        if not path:
            _insist_on_json(call, options)
            return _json(200, {"d": {"EntitySets": list(self.service.sets)}})
        place = self._place(path)
        if place.count:
            rows = self.reading.filtered(place.entity_set, options, place.within)
            return Answer(200, str(len(rows)).encode(), {"content-type": "text/plain;charset=utf-8"})
        _insist_on_json(call, options)
        self.reading.insist_on_known(place.entity_set, options)
        if place.single:
            found = self.reading.find(place.entity_set, place.within)
            if not found:
                raise not_found(place.entity_set.name, path)
            return _json(200, {"d": self.reading.show(place.entity_set, found[0], options)})
        rows, total = self.reading.collection(place.entity_set, options, place.within)
        body: dict[str, Any] = {"results": [self.reading.show(place.entity_set, row, options) for row in rows]}
        if options.get("$inlinecount") == "allpages":
            body = {"__count": str(total), **body}
        return _json(200, {"d": body})

    def _write(self, call: Call, work: Work) -> Row | None:
        path, _ = _split(call.target)
        place = self._place(path)
        name = place.entity_set.name
        match call.verb:
            case "POST" if not place.single and name in CREATE:
                return CREATE[name](work, path, _body(call), place.within)
            case "MERGE" if place.key is not None and name in MERGE:
                MERGE[name](work, path, place.key, _body(call))
                return None
            case "DELETE" if place.key is not None and name in DELETE:
                DELETE[name](work, path, place.key)
                return None
            case verb:
                raise malformed(f"Method {verb} is not allowed for {path}", status=405)

    def _written(self, call: Call, row: Row | None) -> Answer:
        if row is None:
            return Answer(204, None, {"dataserviceversion": "2.0"})
        entity_set = self._place(_split(call.target)[0]).entity_set
        expand = ",".join(_inserted(entity_set, self.service, json.loads(call.body)))
        shown = self.reading.show(entity_set, row, {"$expand": expand} if expand else {})
        answer = _json(201, {"d": shown})
        answer.headers["location"] = entity_uri(self.root, entity_set, row)
        return answer

    def _place(self, path: str) -> Place:
        segments = path.split("/")
        name, key_predicate = _segment(segments[0])
        entity_set = self.service.sets.get(name)
        if entity_set is None:
            raise not_found(name, "no such set")
        if key_predicate is None:
            if segments[1:] == ["$count"]:
                return Place(entity_set, None, {}, single=False, count=True)
            if len(segments) > 1:
                raise not_found(segments[1], path)
            return Place(entity_set, None, {}, single=False)
        key = parse_key(entity_set, key_predicate)
        if len(segments) == 1:
            return Place(entity_set, key, key, single=True)
        navigation = entity_set.navigations.get(segments[1])
        counted = segments[2:] == ["$count"]
        if navigation is None or (len(segments) > 2 and not counted):
            raise not_found(segments[1], path)
        found = self.reading.find(entity_set, key)
        if not found:
            raise not_found(entity_set.name, path)
        within = {theirs: found[0][ours] for ours, theirs in navigation.on}
        target = self.service.sets[navigation.target]
        return Place(target, None, within, single=not navigation.many, count=counted)


def _split(target: str) -> tuple[str, dict[str, str]]:
    path, _, query = target.partition("?")
    return unquote(path.strip("/")), dict(parse_qsl(query, keep_blank_values=True))


def _segment(segment: str) -> tuple[str, str | None]:
    if not segment.endswith(")") or "(" not in segment:
        return segment, None
    name, _, key = segment[:-1].partition("(")
    return name, key


def _body(call: Call) -> Any:
    if "json" not in call.headers.get("content-type", ""):
        raise malformed("This simulator reads JSON only: send Content-Type: application/json", status=415)
    try:
        return json.loads(call.body)
    except ValueError as error:
        raise malformed(f"Error while parsing a JSON stream: {error}") from None


def _insist_on_json(call: Call, options: Mapping[str, str]) -> None:
    if options.get("$format", "").lower() != "json" and "json" not in call.headers.get("accept", ""):
        raise malformed(
            "This simulator writes JSON only, where SAP's default is Atom: ask with Accept: application/json",
            status=406,
        )


def _inserted(entity_set: EntitySet, service: Service, body: Any) -> list[str]:
    """The navigations that a deep insert filled, to be answered expanded."""
    paths: dict[str, None] = {}
    for name, navigation in entity_set.navigations.items():
        if name not in body:
            continue
        paths[name] = None
        entries = body[name].get("results", []) if isinstance(body[name], dict) else body[name]
        for entry in entries:
            for below in _inserted(service.sets[navigation.target], service, entry):
                paths[f"{name}/{below}"] = None
    return list(paths)


def _json(status: int, body: Any) -> Answer:
    return Answer(status, body, {"content-type": "application/json;charset=utf-8", "dataserviceversion": "2.0"})
