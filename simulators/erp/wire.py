"""Between SAP's JSON and rows: types, lengths, flags on the way in; spellings on the way out.

Decided here: what a value must look like and how it is shown. Not decided here: what it means.
A row holds str, int (digits fields), Decimal, bool, date, datetime or None.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from urllib.parse import quote

from simulators.erp.errors import malformed, refuse
from simulators.erp.fields import EntitySet, Field
from simulators.erp.tables import SETS

Row = dict[str, Any]

_DATE = re.compile(r"^/Date\((-?\d+)([+-]\d{4})?\)/$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EMPTY: dict[str, Any] = {"String": "", "Numc": 0, "Decimal": Decimal(0), "Boolean": False}


def blank(entity_set: EntitySet) -> Row:
    """Return a row with every field at its initial value."""
    return {field.name: _EMPTY.get(field.kind) for field in entity_set.fields.values()}


def document_number(value: str) -> str:
    """Return the number without the zeros that SAP pads it with."""
    return value.lstrip("0") if value.isdigit() else value


def read_entity(entity_set: EntitySet, body: Any, mode: Literal["create", "merge"]) -> tuple[Row, dict[str, list[Any]]]:
    """Return the fields that were sent, and the bodies of deep-inserted navigations."""
    if not isinstance(body, dict):
        raise malformed(f"Error while parsing an entry of {entity_set.name}: an object is expected")
    sent: dict[str, Any] = body["d"] if set(body) == {"d"} and isinstance(body["d"], dict) else body
    row: Row = {}
    nested: dict[str, list[Any]] = {}
    for name, value in sent.items():
        if name == "__metadata":
            continue
        if name in entity_set.navigations:
            if mode == "merge":
                raise malformed(f"Deep update of '{name}' is not supported")
            if not (isinstance(value, dict) and "__deferred" in value):
                nested[name] = _inline(name, value)
            continue
        field = entity_set.fields.get(name)
        if field is None:
            raise malformed(f"Property '{name}' is invalid for {entity_set.name}Type")
        parsed = read_value(field, value)
        if field.read_only and parsed != _EMPTY.get(field.kind):
            verb = "created" if mode == "create" else "updated"
            raise refuse("06/017", f"Property '{name}' can't be {verb}", property=name)
        if not field.read_only:
            row[name] = parsed
    return row, nested


def _inline(name: str, value: Any) -> list[Any]:
    entries = value.get("results") if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise malformed(f"Inline '{name}' must be a list")
    return entries


def read_value(field: Field, value: Any) -> Any:
    """Return the value of a JSON property, checked by the field's type, length and digits."""
    wrong = malformed(f"Property '{field.name}' has invalid value {value!r} (Edm.{_edm(field)})")
    if value is None:
        return _EMPTY.get(field.kind)
    match field.kind:
        case "Boolean":
            if not isinstance(value, bool):
                raise wrong
            return value
        case "String" | "Numc" | "Time":
            if not isinstance(value, str):
                raise wrong
            return _read_text(field, value)
        case "Decimal":
            if not isinstance(value, str):
                raise wrong
            return _read_decimal(field, value)
        case "DateTime" | "DateTimeOffset":
            if not isinstance(value, str):
                raise wrong
            try:
                moment = _read_moment(value)
            except (ValueError, OverflowError):
                raise wrong from None
            return moment.date() if field.kind == "DateTime" else moment


def _read_text(field: Field, value: str) -> Any:
    if field.length and len(value) > field.length:
        raise malformed(f"Property '{field.name}' has value '{value}' that exceeds the maximum length {field.length}")
    if field.kind == "Numc":
        if value and not (value.isascii() and value.isdigit()):
            raise malformed(f"Property '{field.name}' has invalid value '{value}': digits only")
        return int(value or 0)
    return value.upper() if field.upper else value


def _read_decimal(field: Field, value: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise malformed(f"Property '{field.name}' has invalid value '{value}' (Edm.Decimal)") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** (field.length - field.scale):
        raise malformed(f"Property '{field.name}' has value '{value}' out of range")
    if number != number.quantize(Decimal(1).scaleb(-field.scale)):
        raise malformed(f"Property '{field.name}' has value '{value}' with more than {field.scale} decimals")
    return number


def _read_moment(value: str) -> datetime:
    found = _DATE.match(value)
    if found:
        return _EPOCH + timedelta(milliseconds=int(found[1]))
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def show_value(field: Field, value: Any) -> Any:
    """Return the value as SAP's JSON shows it."""
    match field.kind:
        case "Numc":
            return str(value).zfill(field.length) if field.padded else str(value)
        case "Decimal":
            return show_decimal(field, value)
        case "DateTime" if isinstance(value, date):
            midnight = datetime(value.year, value.month, value.day, tzinfo=UTC)
            return f"/Date({_milliseconds(midnight)})/"
        case "DateTimeOffset" if isinstance(value, datetime):
            return f"/Date({_milliseconds(value)}+0000)/"
        case _:
            return value


def show_decimal(field: Field, value: Decimal) -> str:
    """Return the decimal: quantities without needless zeros, amounts with two decimals at least."""
    if not field.role:
        return f"{value:.{field.scale}f}"
    shown = f"{value:.{field.scale}f}".rstrip("0").rstrip(".")
    if field.role == "quantity":
        return shown
    whole, _, decimals = shown.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def key_text(entity_set: EntitySet, row: Mapping[str, Any]) -> str:
    """Return the key predicate of a row, e.g. PurchaseOrder='4500000001',PurchaseOrderItem='10'."""
    keys = entity_set.keys
    shown = {field.name: str(show_value(field, row[field.name])).replace("'", "''") for field in keys}
    if len(keys) == 1:
        return f"'{shown[keys[0].name]}'"
    return ",".join(f"{name}='{value}'" for name, value in shown.items())


def entity_uri(root: str, entity_set: EntitySet, row: Mapping[str, Any]) -> str:
    """Return the address of a row; `root` is the service's."""
    key = quote(key_text(entity_set, row), safe="'=,")
    return f"{root}/{entity_set.name}({key})"


def show_entity(
    root: str, service: str, entity_set: EntitySet, row: Mapping[str, Any], select: set[str] | None = None
) -> dict[str, Any]:
    """Return the entity as JSON, navigations deferred; `select`: the properties wanted, None for all."""
    uri = entity_uri(root, entity_set, row)
    shown: dict[str, Any] = {"__metadata": {"id": uri, "uri": uri, "type": f"{service}.{entity_set.name}Type"}}
    for field in entity_set.fields.values():
        if select is None or field.name in select:
            shown[field.name] = show_value(field, row[field.name])
    for navigation in entity_set.navigations:
        if select is None or navigation in select:
            shown[navigation] = {"__deferred": {"uri": f"{uri}/{navigation}"}}
    return shown


def item_target(set_name: str, key: str) -> str:
    """Return how errordetails name the item at fault."""
    navigation = {"A_PurchaseOrderItem": "to_PurchaseOrderItem", "A_PurchaseRequisitionItem": "to_PurchaseReqnItem"}
    return f"{navigation.get(set_name, SETS[set_name].name)}({key})"


def _edm(field: Field) -> str:
    return "String" if field.kind == "Numc" else field.kind


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
