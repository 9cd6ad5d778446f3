"""Rows as Oracle's REST framework shows and takes them: JSON, checks against the attributes, links, errors.

Decided here: which attribute a caller may send and what a value must look like. Not decided here: what a document is.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from simulators.oracle.attributes import ATTRIBUTES, Attribute

Row = dict[str, Any]

RESOURCE = "application/vnd.oracle.adf.resourceitem+json"
COLLECTION = "application/vnd.oracle.adf.resourcecollection+json"
ACTION = "application/vnd.oracle.adf.action+json"
ERROR = "application/vnd.oracle.adf.error+json"
_TITLES = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 412: "Precondition Failed", 415: "Bad type"}


class OracleError(Exception):
    """A refusal: status, Oracle's code, message, and the path of the attribute or row it is about."""

    def __init__(self, status: int, code: str, detail: str, path: str = "") -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.path = status, code, detail, path

    def body(self, version: int) -> tuple[bytes, str]:
        """The error's body and content type: plain text before version 4 of the framework."""
        if version < 4:
            return self.detail.encode(), "text/plain"
        details = {"detail": self.detail, "o:errorCode": self.code, "o:errorPath": self.path}
        title = _TITLES.get(self.status, "Error")
        whole = {"title": title, "status": str(self.status), "o:errorDetails": [details]}
        return json.dumps(whole).encode(), ERROR


def refuse(code: str, detail: str, path: str = "") -> OracleError:
    """A business rule or a value that is refused."""
    return OracleError(400, code, detail, path)


def not_found(what: str) -> OracleError:
    """There is no such row."""
    return OracleError(404, "FND-404", f"{what} was not found")


class Dumped(json.JSONEncoder):
    """Writes exact numbers and days."""

    def default(self, o: Any) -> Any:
        """A day, an instant or a number as JSON."""
        match o:
            case Decimal():
                return int(o) if o == o.to_integral_value() else float(str(o))
            case datetime():
                return o.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+00:00"
            case date():
                return o.isoformat()
        return super().default(o)


def dumped(body: Any) -> bytes:
    """JSON as Oracle writes it."""
    return json.dumps(body, cls=Dumped).encode()


def loaded(content: bytes) -> Row:
    """The JSON object of a body, with exact numbers."""
    try:
        body = json.loads(content or b"{}", parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        raise refuse("JBO-25000", f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise refuse("JBO-25000", "the body is no JSON object")
    return body


def taken(resource: str, body: Mapping[str, Any], path: str = "", keys: frozenset[str] = frozenset()) -> Row:
    """The writable attributes of a body, as values; anything else is refused. `keys`: identify a row of a child."""
    row: Row = {}
    for name, value in body.items():
        attribute = ATTRIBUTES[resource].get(name)
        where = f"{path}/{name}"
        if attribute is None:
            raise refuse("JBO-25058", f"Attribute {name} does not exist in {resource}", where)
        if not attribute.writable and name not in keys:
            raise refuse("JBO-27008", f"Attribute {name} in {resource} is read-only", where)
        row[name] = _taken(f"{resource}.{name}", attribute, value, where, keys)
    return row


def _taken(resource: str, attribute: Attribute, value: Any, where: str, keys: frozenset[str]) -> Any:
    if attribute.kind == "children":
        if not isinstance(value, list):
            raise refuse("JBO-25000", "children are an array", where)
        return [taken(resource, one, f"{where}/{place}", keys) for place, one in enumerate(value)]
    if value is None:
        return None
    match attribute.kind, value:
        case "text", str() if not attribute.length or len(value) <= attribute.length:
            return value
        case "number", Decimal():
            return value
        case "integer", Decimal() if value == value.to_integral_value():
            return int(value)
        case "boolean", bool():
            return value
        case "date", str():
            return _parsed(date, value, where)
        case "moment", str():
            moment = _parsed(datetime, value, where)
            if moment.tzinfo is None:
                raise refuse("JBO-25009", f"{value!r} names no time zone", where)
            return moment
    raise refuse("JBO-25009", f"{value!r} is no {attribute.kind} that the attribute takes", where)


def _parsed(kind: Any, value: str, where: str) -> Any:
    try:
        return kind.fromisoformat(value)
    except ValueError as error:
        raise refuse("JBO-25009", f"{value!r} is no {kind.__name__}", where) from error


def shown(
    resource: str,
    row: Mapping[str, Any],
    *,
    expand: Sequence[str],
    fields: Iterable[str] = (),
    version: int,
    at_most: int,
) -> Row:
    """A row with the expanded children; `fields`: these attributes alone."""
    wanted = set(fields)
    found: Row = {}
    for name, attribute in ATTRIBUTES[resource].items():
        if attribute.kind != "children":
            if not wanted or name in wanted:
                found[name] = row.get(name)
            continue
        below = [each.partition(".")[2] for each in expand if each.partition(".")[0] in (name, "all")]
        if not below:
            continue
        deeper = [each for each in below if each] + (["all"] if "all" in expand else [])
        kept = row.get(name) or []
        children = [
            shown(f"{resource}.{name}", one, expand=deeper, version=version, at_most=at_most) for one in kept[:at_most]
        ]
        found[name] = children if version < 3 else page(children, 0, at_most, len(kept))
    return found


def page(rows: Sequence[Row], offset: int, limit: int, total: int, *, totals: bool = False) -> Row:
    """A collection."""
    body: Row = {
        "items": list(rows),
        "count": len(rows),
        "hasMore": offset + len(rows) < total,
        "limit": limit,
        "offset": offset,
    }
    return body | ({"totalResults": total} if totals else {})
