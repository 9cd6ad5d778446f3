"""Odoo's models as far as purchasing needs them: their fields, how they are searched, read and written.

Field names and types are those of Odoo 19's own source (addons purchase, purchase_stock, stock, product, uom); a field
that is not here is refused as Odoo refuses it. Decided here: domains, commands of one2many fields, rounding to a
field's digits, what a many2one looks like when it is read. What a write sets in motion is in purchasing.py.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

Record = dict[str, Any]


class OdooError(Exception):
    """An exception of Odoo's, with its class and the HTTP status it becomes."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name, self.message = status, name, message


def user_error(message: str) -> OdooError:
    """Odoo's UserError."""
    return OdooError(422, "odoo.exceptions.UserError", message)


@dataclass(frozen=True)
class Field:
    """A field: its type, the model it points to, the decimals it is rounded to."""

    kind: str
    relation: str = ""
    decimals: int | None = None
    readonly: bool = False
    default: Any = None


def _char(**more: Any) -> Field:
    return Field("char", **more)


def _to(model: str, **more: Any) -> Field:
    return Field("many2one", model, **more)


_COMMON = {
    "id": Field("integer", readonly=True),
    "display_name": _char(readonly=True),
    "create_date": Field("datetime", readonly=True),
    "write_date": Field("datetime", readonly=True),
    "write_uid": _to("res.users", readonly=True),
}
_QUANTITY, _PRICE = 2, 6

MODELS: dict[str, dict[str, Field]] = {
    "res.users": {"name": _char(), "login": _char()},
    "res.users.apikeys": {"name": _char(), "user_id": _to("res.users"), "expiration_date": Field("datetime")},
    "res.company": {"name": _char(), "currency_id": _to("res.currency")},
    "res.currency": {"name": _char(), "active": Field("boolean", default=True)},
    "res.partner": {
        "name": _char(),
        "ref": _char(),
        "active": Field("boolean", default=True),
        "company_id": _to("res.company"),
    },
    "uom.uom": {
        "name": _char(),
        "active": Field("boolean", default=True),
        "factor": Field("float"),
        "relative_factor": Field("float"),
        "relative_uom_id": _to("uom.uom"),
    },
    "product.category": {"name": _char()},
    "product.template": {"name": _char(), "uom_id": _to("uom.uom")},
    "product.product": {
        "name": _char(),
        "default_code": _char(),
        "active": Field("boolean", default=True),
        "purchase_ok": Field("boolean", default=True),
        "uom_id": _to("uom.uom"),
        "product_tmpl_id": _to("product.template"),
        "categ_id": _to("product.category"),
        "qty_available": Field("float", readonly=True, decimals=_QUANTITY),
    },
    "product.supplierinfo": {
        "partner_id": _to("res.partner"),
        "product_id": _to("product.product"),
        "product_tmpl_id": _to("product.template"),
        "product_uom_id": _to("uom.uom"),
        "sequence": Field("integer", default=1),
        "min_qty": Field("float", decimals=_QUANTITY, default=0.0),
        "price": Field("float", decimals=_PRICE),
        "discount": Field("float", decimals=2, default=0.0),
        "currency_id": _to("res.currency"),
        "company_id": _to("res.company"),
        "date_start": Field("date"),
        "date_end": Field("date"),
        "delay": Field("integer", default=1),
    },
    "stock.warehouse": {
        "name": _char(),
        "code": _char(),
        "company_id": _to("res.company"),
        "lot_stock_id": _to("stock.location"),
    },
    "stock.location": {
        "name": _char(),
        "usage": Field("selection", default="internal"),
        "location_id": _to("stock.location"),
        "active": Field("boolean", default=True),
    },
    "stock.quant": {
        "product_id": _to("product.product"),
        "location_id": _to("stock.location"),
        "owner_id": _to("res.partner"),
        "quantity": Field("float", decimals=_QUANTITY),
        "reserved_quantity": Field("float", decimals=_QUANTITY, default=0.0),
    },
    "stock.picking.type": {"name": _char(), "code": _char(), "warehouse_id": _to("stock.warehouse")},
    "purchase.order": {
        "name": _char(readonly=True),
        "origin": _char(),
        "partner_ref": _char(),
        "partner_id": _to("res.partner"),
        "state": Field("selection", default="draft"),
        "locked": Field("boolean", default=False),
        "acknowledged": Field("boolean", default=False),
        "date_order": Field("datetime"),
        "date_approve": Field("datetime", readonly=True),
        "date_planned": Field("datetime"),
        "currency_id": _to("res.currency"),
        "company_id": _to("res.company"),
        "picking_type_id": _to("stock.picking.type"),
        "user_id": _to("res.users"),
        "order_line": Field("one2many", "purchase.order.line"),
        "receipt_status": Field("selection", readonly=True),
        "amount_total": Field("monetary", readonly=True),
    },
    "purchase.order.line": {
        "order_id": _to("purchase.order"),
        "name": Field("text"),
        "sequence": Field("integer", default=10),
        "display_type": Field("selection", default=False),
        "product_id": _to("product.product"),
        "product_qty": Field("float", decimals=_QUANTITY, default=0.0),
        "product_uom_id": _to("uom.uom"),
        "price_unit": Field("float", decimals=_PRICE, default=0.0),
        "discount": Field("float", decimals=2, default=0.0),
        "date_planned": Field("datetime"),
        "qty_received": Field("float", decimals=_QUANTITY, default=0.0),
        "state": Field("selection", readonly=True),
        "move_ids": Field("one2many", "stock.move", readonly=True),
    },
    "stock.move": {
        "purchase_line_id": _to("purchase.order.line"),
        "product_id": _to("product.product"),
        "product_uom_qty": Field("float", decimals=_QUANTITY),
        "quantity": Field("float", decimals=_QUANTITY, default=0.0),
        "state": Field("selection", default="assigned"),
        "location_dest_usage": Field("selection", readonly=True, default="internal"),
        "picking_id": _to("stock.picking"),
        "date": Field("datetime"),
    },
    "stock.picking": {"name": _char(), "state": Field("selection", default="assigned"), "origin": _char()},
}


def now_text(now: dt.datetime) -> str:
    """A moment as Odoo writes it: UTC, without a zone."""
    return now.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def moment(text: str) -> dt.datetime:
    """A moment as Odoo writes it. Raises ValueError."""
    return dt.datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=dt.UTC)


@dataclass
class Table:
    """The records of a model by id."""

    name: str
    records: dict[int, Record] = field(default_factory=dict)
    last: int = 0

    @cached_property
    def fields(self) -> dict[str, Field]:
        """All fields of the model."""
        return _COMMON | MODELS[self.name]


Condition = Callable[[Record], bool]
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda held, value: bool(held == value) or (value is False and not held),
    "!=": lambda held, value: bool(held != value),
    "in": lambda held, value: held in value,
    "not in": lambda held, value: held not in value,
    "ilike": lambda held, value: isinstance(held, str) and str(value).lower() in held.lower(),
    "like": lambda held, value: isinstance(held, str) and str(value) in held,
    "=like": lambda held, value: isinstance(held, str) and held.startswith(str(value).rstrip("%")),
    ">": lambda held, value: _is_set(held) and bool(held > value),
    ">=": lambda held, value: _is_set(held) and bool(held >= value),
    "<": lambda held, value: _is_set(held) and bool(held < value),
    "<=": lambda held, value: _is_set(held) and bool(held <= value),
}


def _is_set(held: Any) -> bool:
    return held is not False and held is not None


class Database:
    """All tables; `trigger` is told of every record that was created or written, with the values it was given."""

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        self.now = now
        self.tables = {name: Table(name) for name in MODELS}
        self.user = 2

    def table(self, model: str) -> Table:
        """The table of a model. Raises OdooError."""
        if model not in self.tables:
            raise OdooError(404, "werkzeug.exceptions.NotFound", f"the model {model!r} does not exist")
        return self.tables[model]

    def get(self, model: str, identity: int) -> Record:
        """A record. Raises OdooError where it is gone."""
        found = self.table(model).records.get(identity)
        if found is None:
            message = f"Record does not exist or has been deleted.\n(Record: {model}({identity},), User: {self.user})"
            raise OdooError(404, "odoo.exceptions.MissingError", message)
        return found

    def insert(self, model: str, values: Mapping[str, Any], identity: int | None = None) -> Record:
        """A record with its defaults; one2many fields are left to the caller."""
        table = self.table(model)
        table.last = max(table.last + 1, identity or 0)
        number = identity or table.last
        stamp = now_text(self.now())
        record: Record = {"id": number, "create_date": stamp}
        for name, kind in table.fields.items():
            if kind.kind != "one2many" and name not in record:
                record[name] = kind.default if kind.default is not None else False
        table.records[number] = record
        self.assign(model, record, values)
        return record

    def assign(self, model: str, record: Record, values: Mapping[str, Any]) -> None:
        """Put values into a record, rounded to their digits. Raises OdooError for unknown fields and wrong kinds."""
        fields = self.table(model).fields
        for name, value in values.items():
            kind = fields.get(name)
            if kind is None:
                raise OdooError(500, "builtins.ValueError", f"Invalid field {name!r} in {model!r}")
            if kind.kind == "one2many":
                continue
            record[name] = self._converted(kind, name, value)
        record["write_date"] = now_text(self.now())
        record["write_uid"] = self.user

    def _converted(self, kind: Field, name: str, value: Any) -> Any:
        if value is None or value is False:
            return False if kind.kind not in ("float", "integer") else 0
        match kind.kind:
            case "float" | "monetary":
                return round(float(value), kind.decimals) if kind.decimals is not None else float(value)
            case "many2one":
                if int(value) not in self.table(kind.relation).records and kind.relation != "res.users":
                    raise OdooError(
                        422,
                        "odoo.exceptions.ValidationError",
                        f"The operation cannot be completed: there is no record {kind.relation}({value})",
                    )
                return int(value)
            case "datetime":
                try:
                    return now_text(moment(str(value)))
                except ValueError as error:
                    raise OdooError(500, "builtins.ValueError", str(error)) from error
            case "date":
                return dt.date.fromisoformat(str(value)[:10]).isoformat()
        return value

    # -- searching and reading

    def search(self, model: str, domain: Sequence[Any], order: str | None = None) -> list[Record]:
        """The records of a domain, by id or as ordered. Raises OdooError."""
        table = self.table(model)
        holds = self._condition(model, domain)
        found = [record for record in table.records.values() if holds(record)]
        if "active" in table.fields and not any(isinstance(one, list) and one[0] == "active" for one in domain):
            found = [record for record in found if record["active"]]
        for by in reversed((order or "id").split(",")):
            name, _, way = by.strip().partition(" ")
            found.sort(key=lambda record: (record[name] is False, record[name]), reverse=way.lower() == "desc")
        return found

    def _condition(self, model: str, domain: Sequence[Any]) -> Condition:
        """A domain in prefix notation; terms side by side are joined by `and`. Raises OdooError."""

        def term(at: int) -> tuple[Condition, int]:
            one = domain[at]
            if one == "!":
                inner, after = term(at + 1)
                return (lambda record: not inner(record)), after
            if one in ("&", "|"):
                first, after = term(at + 1)
                second, after = term(after)
                if one == "&":
                    return (lambda record: first(record) and second(record)), after
                return (lambda record: first(record) or second(record)), after
            return self._comparison(model, *one), at + 1

        at, terms = 0, []
        while at < len(domain):
            each, at = term(at)
            terms.append(each)
        return lambda record: all(each(record) for each in terms)

    def _comparison(self, model: str, path: str, operator: str, value: Any) -> Condition:
        name, _, rest = path.partition(".")
        kind = self.table(model).fields.get(name)
        if kind is None:
            raise OdooError(500, "builtins.ValueError", f"Invalid field {model}.{name} in condition")
        if rest:
            records, inner = self.table(kind.relation).records, self._comparison(kind.relation, rest, operator, value)
            return lambda record: (related := records.get(record[name])) is not None and inner(related)
        if operator == "child_of":
            return lambda record: value in self._above(kind.relation, record.get(name))
        compare = _OPERATORS.get(operator)
        if compare is None:
            raise OdooError(500, "builtins.ValueError", f"Invalid operator {operator!r}")
        return lambda record: compare(record.get(name), value)

    def _above(self, model: str, identity: Any) -> set[int]:
        """A location and those that it lies in."""
        found: set[int] = set()
        while identity and identity not in found:
            found.add(identity)
            identity = self.table(model).records[identity]["location_id"]
        return found

    def read(self, model: str, records: Iterable[Record], fields: Sequence[str] | None) -> list[Record]:
        """The records as they are read: a many2one with its name, a one2many as ids. Raises OdooError."""
        table = self.table(model)
        names = list(fields) if fields else list(table.fields)
        for name in names:
            if name not in table.fields:
                raise OdooError(500, "builtins.ValueError", f"Invalid field {name!r} on {model!r}")
        return [
            {"id": record["id"], **{name: self._shown(model, record, name) for name in names}} for record in records
        ]

    def _shown(self, model: str, record: Record, name: str) -> Any:
        kind = self.table(model).fields[name]
        if name == "display_name":
            return record.get("name") or f"{model},{record['id']}"
        if kind.kind == "one2many":
            back = "order_id" if kind.relation == "purchase.order.line" else "purchase_line_id"
            return [one["id"] for one in self.search(kind.relation, [[back, "=", record["id"]]])]
        if kind.kind == "many2one" and record[name]:
            related = self.table(kind.relation).records.get(record[name], {})
            return [record[name], related.get("name") or f"{kind.relation},{record[name]}"]
        return record[name]
