"""docs/policies.md agrees with the code."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel

from canonical.calendar import Calendar
from canonical.policy import Absence, AccountAssignment, PlantPolicy, Quota, Role, RouteKind, RouteRule, SubstituteItem
from policies.calendars import NamedCalendar
from policies.keys import BEFORE_THE_SUPPLIER, OF_THE_PLANT, SET_HERE
from policies.reading import LAYERS
from tests.policies.conftest import Folder

TEXT = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
NAMED = set(re.findall(r"`([^`\n]+)`", TEXT))
EXAMPLES = re.findall(r"^`([\w/.]+\.toml)`\n\n```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def keys() -> list[str]:
    """Every key, down to those of tables that have fields of their own."""
    found = []
    for name, field in PlantPolicy.model_fields.items():
        model = field.annotation
        if name in SET_HERE:
            continue
        if isinstance(model, type) and issubclass(model, BaseModel) and model is not Calendar:
            found += [f"{name}.{inner}" for inner in model.model_fields]
        else:
            found.append(name)
    return found


@pytest.mark.parametrize("key", keys())
def test_every_key_is_named(key: str) -> None:
    assert key in NAMED


def test_every_key_that_is_named_in_the_table_is_one() -> None:
    rows = re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE)
    assert {key for row in rows for key in re.findall(r"`([^`]+)`", row)} == set(keys())


@pytest.mark.parametrize("model", [RouteRule, Quota, Role, Absence, AccountAssignment, SubstituteItem])
def test_what_is_within_a_list_or_table_is_named_too(model: type[BaseModel]) -> None:
    for name in model.model_fields:
        assert re.search(rf"\b{name}\b", TEXT), name


def test_the_keys_of_a_calendar_are_shown() -> None:
    shown = "\n".join(text for name, text in EXAMPLES if name == "calendars.toml")
    for name, field in NamedCalendar.model_fields.items():
        assert re.search(rf"^{field.alias or name} = ", shown, re.MULTILINE), name


def test_layers_routes_and_what_a_rule_can_not_set_are_named() -> None:
    assert all(f"  {layer}/" in TEXT for layer in LAYERS)
    assert all(f'kind = "{kind}"' in TEXT for kind in RouteKind)
    assert not (OF_THE_PLANT | BEFORE_THE_SUPPLIER) - NAMED


def test_the_examples_are_taken_up_as_they_stand(folder: Folder) -> None:
    assert [name for name, _ in EXAMPLES] == [
        "rules/paint.toml",
        "calendars.toml",
        "plants/1720.toml",
        "rules/substitutes.toml",
        "plants/1740.toml",
    ]
    for name, text in EXAMPLES:
        if name == "calendars.toml":
            folder.append(name, text)
        else:
            folder.write(name, text)
    book = folder.book()
    paint = book.effective("1730", item="PA-187B", supplier="LITWAR0001")
    moved = book.effective("1720")
    assert paint is not None
    assert moved is not None
    assert (str(paint.tolerance.quantity_more), paint.tolerance.later_working_days) == ("0.05", 2)
    assert [route.kind for route in moved.routes] == [RouteKind.TRANSFER, RouteKind.SUBCONTRACT, RouteKind.DIRECT]
    assert moved.ownership.requirement == ("aps-main", "mrp-*")
    replaced = book.effective("1710", item="BB-7421")
    assert replaced is not None
    assert [(each.item, each.quantity / each.per) for each in replaced.substitutes] == [
        ("BB-9108", 1),
        ("BB-8107", Decimal("1.5")),
    ]
    consumed = book.effective("1740")
    assert consumed is not None
    assert consumed.erp.account_assignment.category == "K"
    assert consumed.erp.item_categories[RouteKind.TRANSFER] == "7"
