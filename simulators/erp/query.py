"""Reading the books by OData V2: keys, $filter, $orderby, $top, $skip, $select, $expand, $inlinecount.

Decided here: how a query is understood and which rows answer it. Not decided here: where rows come from (`Rows`).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

from simulators.erp.errors import malformed
from simulators.erp.fields import EntitySet, Field, Service
from simulators.erp.wire import Row, document_number, show_entity

Test = Callable[[Row], Any]

_TOKEN = re.compile(
    r"\s*(?:(?P<time>datetime(?:offset)?)'(?P<moment>[^']*)'|(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>-?\d+(?:\.\d+)?)[mMdDfFlL]?(?![\w.])|(?P<word>[A-Za-z_]\w*)|(?P<mark>[(),]))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a is not None and b is not None and a > b,
    "ge": lambda a, b: a is not None and b is not None and a >= b,
    "lt": lambda a, b: a is not None and b is not None and a < b,
    "le": lambda a, b: a is not None and b is not None and a <= b,
}
_KEY = re.compile(r"(?:(?P<name>\w+)\s*=\s*)?'(?P<value>(?:[^']|'')*)'\s*(?:,|$)")
FOUND_BY = ("Product", "Material", "Supplier", "PurchasingInfoRecord", "ConditionRecord", "PurchaseContract")
"""Master data are found by these without a look at every row."""
DOCUMENT_FIELDS = frozenset({"PurchaseRequisition", "PurchaseOrder", "PurchasingDocument"})


class Rows(Protocol):
    """Where rows come from; `equal` may narrow the search and must not be exceeded. A frozenset: one of its values."""

    def __call__(self, entity_set: EntitySet, equal: Mapping[str, Any]) -> Iterable[Row]: ...


def parse_key(entity_set: EntitySet, text: str) -> Row:
    """Return the key values of a predicate like 'x' or A='x',B='y'."""
    key: Row = {}
    position = 0
    while position < len(text):
        found = _KEY.match(text, position)
        if not found:
            raise malformed(f"Malformed key ({text}) of {entity_set.name}")
        name = found["name"] or entity_set.keys[0].name
        field = entity_set.fields.get(name)
        if field is None or not field.key:
            raise malformed(f"'{name}' is not a key of {entity_set.name}")
        key[name] = coerce(field, found["value"].replace("''", "'"))
        position = found.end()
    if len(key) != len(entity_set.keys):
        raise malformed(f"The key ({text}) of {entity_set.name} is incomplete")
    return key


def coerce(field: Field, literal: Any) -> Any:
    """Return a literal as the rows hold it."""
    if literal is None:
        return None
    if field.kind == "Numc":
        if not str(literal).isdigit() and literal != "":
            raise malformed(f"'{literal}' is no value of '{field.name}'")
        return int(literal or 0)
    if field.kind == "String":
        if not isinstance(literal, str):
            raise malformed(f"'{field.name}' must be compared with a text")
        text = literal.upper() if field.upper else literal
        return document_number(text) if field.name in DOCUMENT_FIELDS else text
    if field.kind == "Decimal" and not isinstance(literal, Decimal):
        raise malformed(f"'{field.name}' must be compared with a number")
    if field.kind in ("DateTime", "DateTimeOffset"):
        if not isinstance(literal, datetime):
            raise malformed(f"'{field.name}' must be compared with a datetime literal")
        return literal.date() if field.kind == "DateTime" else literal
    return literal


@dataclass(frozen=True)
class _Equals:
    name: str
    requested: Any

    def __call__(self, row: Row) -> bool:
        return bool(row[self.name] == self.requested)


@dataclass(frozen=True)
class _OneOf:
    name: str
    requested: frozenset[Any]

    def __call__(self, row: Row) -> bool:
        return row[self.name] in self.requested


def _any_of(tests: list[Test]) -> Test:
    """Whether one of them fits; of values of one field by a look at all, since twenty items are asked for at once."""
    equal = [test for test in tests if isinstance(test, _Equals)]
    if len(equal) == len(tests) and len({test.name for test in equal}) == 1:
        return _OneOf(equal[0].name, frozenset(test.requested for test in equal))
    return lambda row: any(test(row) for test in tests)


class Filter:
    """A parsed $filter: `test` says whether a row fits; `equal` what it must equal at least, `among` which values of a
    field it must have one of.
    """

    def __init__(self, entity_set: EntitySet, text: str) -> None:
        self._set = entity_set
        self._tokens = list(self._split(text))
        self._at = 0
        self.equal: Row = {}
        self.among: dict[str, frozenset[Any]] = {}
        self.test = self._or(top=True)
        if self._at != len(self._tokens):
            raise malformed(f"Invalid token '{self._tokens[self._at][1]}' in $filter")

    @staticmethod
    def _split(text: str) -> Iterable[tuple[str, Any]]:
        position = 0
        text = text.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if not found:
                raise malformed(f"Invalid token in $filter at position {position}")
            position = found.end()
            if found["time"]:
                yield "literal", _moment(found["moment"])
            elif found["text"]:
                yield "literal", found["text"][1:-1].replace("''", "'")
            elif found["number"]:
                yield "literal", Decimal(found["number"])
            elif found["mark"]:
                yield "mark", found["mark"]
            elif found["word"] in ("true", "false", "null"):
                yield "literal", {"true": True, "false": False, "null": None}[found["word"]]
            else:
                yield "word", found["word"]

    def _peek(self) -> tuple[str, Any]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self, *expected: str) -> Any:
        kind, value = self._peek()
        if kind not in expected and (kind == "literal" or value not in expected):
            raise malformed(f"'{value}' is not expected in $filter")
        self._at += 1
        return value

    def _or(self, top: bool = False) -> Test:
        tests = [self._and(top)]
        while self._peek() == ("word", "or"):
            self._at += 1
            if top:
                self.equal, self.among = {}, {}
            tests.append(self._and(False))
        return tests[0] if len(tests) == 1 else self._noted(_any_of(tests), top)

    def _noted(self, test: Test, top: bool) -> Test:
        if top and isinstance(test, _OneOf):
            self.among[test.name] = test.requested
        return test

    def _and(self, top: bool) -> Test:
        tests = [self._term(top)]
        while self._peek() == ("word", "and"):
            self._at += 1
            tests.append(self._term(top))
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _term(self, top: bool) -> Test:
        kind, value = self._peek()
        if (kind, value) == ("word", "not"):
            self._at += 1
            inner = self._term(False)
            return lambda row: not inner(row)
        if (kind, value) == ("mark", "("):
            self._at += 1
            inner = self._or()
            self._take(")")
            return self._noted(inner, top)
        if value in ("substringof", "startswith", "endswith") and kind == "word":
            return self._function()
        field = self._field()
        operator = self._take(*_COMPARE)
        requested = coerce(field, self._take("literal"))
        if operator == "eq":
            if top:
                self.equal[field.name] = requested
            return _Equals(field.name, requested)
        compare = _COMPARE[operator]
        name = field.name
        return lambda row: compare(row[name], requested)

    def _function(self) -> Test:
        function = self._take("word")
        self._take("(")
        if function == "substringof":
            text, _, field = self._take("literal"), self._take(","), self._field()
        else:
            field, _, text = self._field(), self._take(","), self._take("literal")
        self._take(")")
        if self._peek() == ("word", "eq"):
            self._at += 1
            if self._take("literal") is not True:
                raise malformed(f"{function} can only be compared with true")
        if field.kind != "String" or not isinstance(text, str):
            raise malformed(f"{function} needs a text field and a text")
        requested, name = text.upper() if field.upper else text, field.name
        match function:
            case "substringof":
                return lambda row: requested in row[name]
            case "startswith":
                return lambda row: row[name].startswith(requested)
            case _:
                return lambda row: row[name].endswith(requested)

    def _field(self) -> Field:
        name = self._take("word")
        if name not in self._set.fields:
            raise malformed(f"Property {name} not found in {self._set.name}Type")
        return self._set.fields[name]


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise malformed(f"Invalid datetime literal '{text}'") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


@dataclass(frozen=True)
class Reading:
    """One read of a service: its address (`root`), its sets and where its rows come from."""

    root: str
    service: Service
    rows: Rows

    def find(self, entity_set: EntitySet, equal: Mapping[str, Any]) -> list[Row]:
        """Return the rows whose fields equal what is given."""
        return [row for row in self.rows(entity_set, equal) if all(row[name] == value for name, value in equal.items())]

    def insist_on_known(self, entity_set: EntitySet, options: Mapping[str, str]) -> None:
        """Raise SapError where $select or $expand name what the set has not, rows or no rows."""
        for path in _paths(options.get("$expand", "")):
            self._insist(entity_set, path, "$expand", navigation=True)
        for path in _paths(options.get("$select", "")):
            if path != ["*"]:
                self._insist(entity_set, path, "$select", navigation=False)

    def _insist(self, entity_set: EntitySet, path: list[str], option: str, *, navigation: bool) -> None:
        name, below = path[0], path[1:]
        found = entity_set.navigations.get(name)
        if found is None and (navigation or below or name not in entity_set.fields):
            raise malformed(f"Resource not found for segment '{name}' in {option}")
        if found is not None and below and below != ["*"]:
            self._insist(self.service.sets[found.target], below, option, navigation=navigation)

    def collection(
        self, entity_set: EntitySet, options: Mapping[str, str], within: Mapping[str, Any]
    ) -> tuple[list[Row], int]:
        """Return the rows that $filter, $orderby, $skip and $top leave, and how many there were before the last two."""
        rows = self.filtered(entity_set, options, within)
        for clause in reversed([each.strip() for each in options.get("$orderby", "").split(",") if each.strip()]):
            name, _, direction = clause.partition(" ")
            if name not in entity_set.fields:
                raise malformed(f"Property {name} not found in {entity_set.name}Type")
            rows.sort(key=lambda row: (row[name] is not None, row[name]), reverse=direction.strip() == "desc")
        skip, top = _count(options, "$skip", 0), _count(options, "$top", len(rows))
        return rows[skip : skip + top], len(rows)

    def filtered(self, entity_set: EntitySet, options: Mapping[str, str], within: Mapping[str, Any]) -> list[Row]:
        """Return the rows that $filter leaves."""
        if "$filter" not in options:
            return self.find(entity_set, within)
        requested = Filter(entity_set, options["$filter"])
        equal = {**requested.equal, **within}
        indexed = {name: values for name, values in requested.among.items() if name in FOUND_BY and name not in equal}
        rows = self.rows(entity_set, {**equal, **indexed})
        return [row for row in rows if requested.test(row) and all(row[name] == within[name] for name in within)]

    def show(self, entity_set: EntitySet, row: Row, options: Mapping[str, str]) -> dict[str, Any]:
        """Return an entity as $select and $expand want it."""
        return self._show(entity_set, row, _paths(options.get("$select", "")), _paths(options.get("$expand", "")))

    def _show(
        self, entity_set: EntitySet, row: Row, select: list[list[str]], expand: list[list[str]]
    ) -> dict[str, Any]:
        names = None if not select or ["*"] in select else {path[0] for path in select}
        shown = show_entity(self.root, self.service.name, entity_set, row, names)
        for name in dict.fromkeys(path[0] for path in expand):
            if names is not None and name not in names:
                continue
            navigation = entity_set.navigations[name]
            target = self.service.sets[navigation.target]
            below = [path[1:] for path in expand if path[0] == name and len(path) > 1]
            inner = [path[1:] for path in select if path[0] == name and len(path) > 1]
            found = [
                self._show(target, each, inner, below)
                for each in self.find(target, {theirs: row[ours] for ours, theirs in navigation.on})
            ]
            shown[name] = {"results": found} if navigation.many else (found[0] if found else None)
        return shown


def _paths(text: str) -> list[list[str]]:
    return [each.strip().split("/") for each in text.split(",") if each.strip()]


def _count(options: Mapping[str, str], name: str, default: int) -> int:
    text = options.get(name, str(default))
    if not text.isdigit():
        raise malformed(f"Invalid value '{text}' of {name}")
    return int(text)
