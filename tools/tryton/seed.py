"""Fills a fresh Tryton database with a company and its master data; runs in Tryton's own environment.

    python seed.py CONFIG DATABASE DATA.json

DATA: currency, company, user, password, warehouses [{code, name}], suppliers [{code, name, lead_time_days}],
items [{code, name, unit, sources [{supplier, lead_time_days, currency, prices [{quantity, price}]}]}]; units are the
symbols of Tryton's own. Purchases are invoiced by hand, so that no chart of accounts is needed.
"""

import datetime as dt
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from trytond import config


def main(configuration: str, database: str, data: dict[str, Any]) -> None:
    """Create everything in one transaction."""
    config.update_etc(configuration)
    from trytond.pool import Pool
    from trytond.transaction import Transaction, TransactionError

    Pool.start()
    pool = Pool(database)
    with Transaction().start(database, 0, readonly=True):
        pool.init()
    more: dict[str, Any] = {}
    while True:
        with Transaction().start(database, 1, **more) as transaction:
            try:
                _fill(pool, data, transaction)
                return
            except TransactionError as error:  # asks for a transaction of another kind, such as one that locks a table
                transaction.rollback()
                error.fix(more)


def _fill(pool: Any, data: dict[str, Any], transaction: Any) -> None:
    company = _company(pool, data)
    with transaction.set_context(company=company.id):
        _user(pool, data, company)
        _configuration(pool, company)
        _warehouses(pool, data)
        suppliers = _suppliers(pool, data, company)
        _items(pool, data, company, suppliers)


def _company(pool: Any, data: dict[str, Any]) -> Any:
    currencies = pool.get("currency.currency")
    for code in {data["currency"], *(one["currency"] for item in data["items"] for one in item.get("sources", ()))}:
        if not currencies.search([("code", "=", code)]):
            currencies.create(
                [{"name": code, "code": code, "symbol": code, "rates": [("create", [{"rate": Decimal(1)}])]}]
            )
    (currency,) = currencies.search([("code", "=", data["currency"])])
    (party,) = pool.get("party.party").create([{"name": data["company"], "addresses": [("create", [{}])]}])
    (company,) = pool.get("company.company").create(
        [{"party": party.id, "currency": currency.id, "timezone": data.get("timezone", "UTC")}]
    )
    return company


def _user(pool: Any, data: dict[str, Any], company: Any) -> None:
    users, groups = pool.get("res.user"), pool.get("res.group")
    every = [group.id for group in groups.search([])]
    users.create(
        [
            {
                "name": data["user"],
                "login": data["user"],
                "password": data["password"],
                "groups": [("add", every)],
                "companies": [("add", [company.id])],
                "company": company.id,
            }
        ]
    )


def _configuration(pool: Any, company: Any) -> None:
    purchases = pool.get("purchase.configuration")
    configuration = purchases(1)
    configuration.purchase_invoice_method = "manual"
    configuration.save()


def _warehouses(pool: Any, data: dict[str, Any]) -> None:
    locations = pool.get("stock.location")
    (first,) = locations.search([("type", "=", "warehouse")], limit=1)
    for number, each in enumerate(data["warehouses"]):
        warehouse = first if number == 0 else locations.copy([first])[0]
        warehouse.name, warehouse.code = each["name"], each["code"]
        warehouse.save()


def _suppliers(pool: Any, data: dict[str, Any], company: Any) -> dict[str, Any]:
    parties = pool.get("party.party")
    made = {}
    for each in data["suppliers"]:
        (party,) = parties.create([{"name": each["name"], "code": each["code"], "addresses": [("create", [{}])]}])
        if "lead_time_days" in each:
            party.supplier_lead_time = dt.timedelta(days=each["lead_time_days"])
            party.save()
        made[each["code"]] = party
    return made


def _items(pool: Any, data: dict[str, Any], company: Any, suppliers: dict[str, Any]) -> None:
    templates, units = pool.get("product.template"), pool.get("product.uom")
    terms, currencies = pool.get("purchase.product_supplier"), pool.get("currency.currency")
    for item in data["items"]:
        (unit,) = units.search([("symbol", "=", item["unit"])])
        (template,) = templates.create(
            [
                {
                    "name": item["name"],
                    "type": "goods",
                    "default_uom": unit.id,
                    "purchasable": True,
                    "purchase_uom": unit.id,
                    "products": [("create", [{"suffix_code": item["code"]}])],
                }
            ]
        )
        for source in item.get("sources", ()):
            (currency,) = currencies.search([("code", "=", source["currency"])])
            days = source.get("lead_time_days")
            terms.create(
                [
                    {
                        "template": template.id,
                        "party": suppliers[source["supplier"]].id,
                        "company": company.id,
                        "currency": currency.id,
                        "lead_time": None if days is None else dt.timedelta(days=days),
                        "prices": [
                            ("create", [{"quantity": float(each["quantity"]), "unit_price": Decimal(each["price"])}])
                            for each in source["prices"]
                        ],
                    }
                ]
            )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(Path(sys.argv[3]).read_text()))
