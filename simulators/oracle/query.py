"""Which rows a query asks for: `q` in both syntaxes, `orderBy`, `limit`, `offset`, `fields`, `expand`, `onlyData`."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from simulators.oracle.attributes import ATTRIBUTES
from simulators.oracle.wire import Row, refuse

LIMIT, LIMIT_MAX = 25, 500
_CONDITION = re.compile(
    r"\s*(?P<name>\w+)\s*(?P<is>>=|<=|!=|=|>|<|\blike\b|\bin\b)\s*"
    r"(?P<value>\((?:[^()']|'(?:[^']|'')*')*\)|'(?:[^']|'')*'|\"[^\"]*\"|[\w.:+-]+)\s*",
    re.IGNORECASE,
)
_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda held, value: held == value,
    "!=": lambda held, value: held != value,
    ">": lambda held, value: held is not None and held > value,
    ">=": lambda held, value: held is not None and held >= value,
    "<": lambda held, value: held is not None and held < value,
    "<=": lambda held, value: held is not None and held <= value,
    "in": lambda held, value: held in value,
    "like": lambda held, value: held is not None and re.fullmatch(value, held) is not None,
}


@dataclass(frozen=True)
class Query:
    """One read of a collection or item."""

    resource: str
    version: int
    expand: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    only_data: bool = False
    totals: bool = False
    limit: int = LIMIT
    offset: int = 0
    tests: tuple[Callable[[Row], bool], ...] = ()
    order: tuple[tuple[str, bool], ...] = ()

    @classmethod
    def read(cls, resource: str, version: int, given: Mapping[str, str]) -> "Query":
        """The query of an address. Raises OracleError."""
        known = {"q", "limit", "offset", "fields", "expand", "onlyData", "totalResults", "orderBy"}
        if strange := sorted(given.keys() - known):
            raise refuse("FND-400", f"URL request parameter {strange[0]} cannot be used in this context")
        try:
            limit, offset = int(given.get("limit", LIMIT)), int(given.get("offset", 0))
        except ValueError as error:
            raise refuse("FND-400", "limit and offset are whole numbers") from error
        order = [part.partition(":") for part in given.get("orderBy", "").split(",") if part]
        return cls(
            resource,
            version,
            expand=tuple(filter(None, given.get("expand", "").split(","))),
            fields=tuple(filter(None, given.get("fields", "").split(","))),
            only_data=given.get("onlyData") == "true",
            totals=given.get("totalResults") == "true",
            limit=min(max(1, limit), LIMIT_MAX),
            offset=max(0, offset),
            tests=_tests(resource, version, given.get("q", "")),
            order=tuple((_known(resource, name), way == "desc") for name, _, way in order),
        )

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """All rows that are asked for, in order, not yet cut to a page."""
        found = [row for row in rows if all(test(row) for test in self.tests)]
        for name, downwards in reversed(self.order):
            found.sort(key=lambda row: (row.get(name) is None, row.get(name)), reverse=downwards)
        return found


def _tests(resource: str, version: int, text: str) -> tuple[Callable[[Row], bool], ...]:
    found = []
    rest = text
    while rest.strip():
        match = _CONDITION.match(rest)
        if match is None:
            raise refuse("FND-400", f"URL request parameter q with value {text} is not valid")
        found.append(_test(resource, match))
        rest = rest[match.end() :]
        joined = re.match(r"and\b", rest, re.IGNORECASE) if version >= 2 else re.match(";", rest)
        if rest and joined is None:
            raise refuse("FND-400", f"URL request parameter q with value {text} is not valid")
        rest = rest[joined.end() :] if joined else ""
    return tuple(found)


def _test(resource: str, match: "re.Match[str]") -> Callable[[Row], bool]:
    name, how, text = _known(resource, match["name"]), match["is"].lower(), match["value"]
    kind = ATTRIBUTES[resource][name].kind
    value: Any
    if how == "in":
        value = [_value(kind, one) for one in re.findall(r"'(?:[^']|'')*'|[^,()\s]+", text)]
    elif how == "like":
        value = "".join({"%": ".*", "_": "."}.get(sign, re.escape(sign)) for sign in _value("text", text))
    else:
        value = _value(kind, text)
    test = _TESTS[how]
    return lambda row: test(row.get(name), value)


def _value(kind: str, text: str) -> Any:
    plain = text[1:-1].replace("''", "'") if text[:1] in "'\"" else text
    try:
        match kind:
            case "number":
                return Decimal(plain)
            case "integer":
                return int(plain)
            case "date":
                return date.fromisoformat(plain)
            case "moment":
                return datetime.fromisoformat(plain)
            case "boolean":
                return plain.lower() == "true"
    except (ValueError, ArithmeticError) as error:
        raise refuse("FND-400", f"{plain!r} is no {kind}") from error
    return plain


def _known(resource: str, name: str) -> str:
    attribute = ATTRIBUTES[resource].get(name)
    if attribute is None or attribute.kind == "children":
        raise refuse("FND-400", f"Attribute {name} of {resource} can't be queried")
    return name
