"""docs/rules.md agrees with the code: rules, examples, shipped policy values, audit events, and who asks each rule."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from canonical.exception import ExceptionKind
from canonical.policy import PlantPolicy

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "rules.md").read_text()
SHIPPED: dict[str, Any] = tomllib.loads((ROOT / "policies" / "defaults.toml").read_text())
SECTIONS = {int(number): body for number, body in re.findall(r"^## R(\d+) .*?\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)}
ROWS = re.findall(r"^\| `([a-z_.]+)` \| (.+?) \| .+ \|$", PAGE, re.M)
TESTS = re.findall(r"`(tests/decisions/\w+\.py)::(\w+)`", PAGE)


def test_every_rule_has_a_section_in_its_place_and_a_line_in_the_table() -> None:
    assert list(SECTIONS) == list(range(1, 18))
    assert [int(number) for number in re.findall(r"^\| \[R(\d+)\]\(#r\d+-", PAGE, re.M)] == list(range(1, 18))


@pytest.mark.parametrize("rule", range(1, 18))
def test_a_section_has_example_test_keys_place_and_what_is_seen(rule: int) -> None:
    body = SECTIONS[rule]
    for part in ("**Example.**", "Tests: `tests/", "**Where.**", "**You see.**"):
        assert part in body, part
    assert ("| Key | Shipped |" in body) != ("No policy key" in body)
    named = re.findall(r"`tests/decisions/\w+\.py::(\w+)`", body)
    assert named
    assert all(name.startswith(f"test_r{rule}_") for name in named)


def collected(path: Path) -> set[str]:
    """The test functions of a file."""
    return {
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_the_examples_are_those_that_are_tested_and_all_of_them() -> None:
    examples = {
        (f"tests/decisions/{path.name}", name)
        for path in (ROOT / "tests" / "decisions").glob("test_*.py")
        for name in collected(path)
        if re.match(r"test_r\d+_.*\d", name)  # an example has figures
    }
    assert set(TESTS) == examples


def policy_field(key: str) -> Any:
    """The default that the model itself has for a key; AssertionError where there is no such key."""
    model: Any = PlantPolicy
    default: Any = None
    for part in key.split("."):
        assert part in model.model_fields, key
        field = model.model_fields[part]
        default = field.default
        candidates = [field.annotation, *get_args(field.annotation)]
        model = next((each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), None)
    return default


def shipped(key: str) -> Any:
    """The value of defaults.toml, else the default of the model."""
    value: Any = SHIPPED
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return policy_field(key)
        value = value[part]
    return value


@pytest.mark.parametrize(("key", "cell"), ROWS, ids=[key for key, _ in ROWS])
def test_every_key_exists_and_ships_as_it_is_written_here(key: str, cell: str) -> None:
    policy_field(key)
    written = None if cell == "–" else tomllib.loads(f"value = {cell.strip('`')}")["value"]
    assert written == shipped(key)


def test_every_key_of_a_policy_that_decides_is_a_rules() -> None:
    of_the_plant = {
        "plant", "version", "company_code", "purchasing_organization", "purchasing_group", "calendar", "office", "erp",
        "suppliers",
    }  # fmt: skip
    named = [key for key, _ in ROWS]
    assert len(set(named)) == len(named)
    assert {key.split(".")[0] for key in named} == set(PlantPolicy.model_fields) - of_the_plant
    for group in {key.split(".")[0] for key in named if "." in key}:
        model = type(policy_field(group))
        assert {key.split(".")[1] for key in named if key.startswith(f"{group}.")} == set(model.model_fields), group


def test_the_audit_events_and_exceptions_that_are_named_are_recorded_and_raised() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "workflows").rglob("*.py"))
    audit_events = set(re.findall(r"`([a-z]+\.[a-z]+)`", "".join(SECTIONS.values()))) - {key for key, _ in ROWS}
    assert len(audit_events) > 5
    assert {audit_event for audit_event in audit_events if f'"{audit_event}"' not in code} == set()
    kinds = set(re.findall(r"kind\s+`(\w+)`", PAGE))
    assert kinds
    assert kinds <= set(ExceptionKind)


def imported_by(source: str) -> Iterator[str]:
    """The modules of decisions/ that a source imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("decisions."):
            yield node.module.removeprefix("decisions.")


@cache
def asked() -> set[str]:
    """The modules of decisions/ that entities reach, directly or by another decision."""
    waiting = [name for path in (ROOT / "workflows").rglob("*.py") for name in imported_by(path.read_text())]
    found: set[str] = set()
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting += imported_by((ROOT / "decisions" / f"{name.replace('.', '/')}.py").read_text())
    return found


@pytest.mark.parametrize("rule", range(1, 17))
def test_the_modules_that_decide_are_asked_by_entities_or_marked_as_not(rule: int) -> None:
    body = SECTIONS[rule]
    modules = {path.replace("/", ".") for path in re.findall(r"\]\(\.\./decisions/([\w/]+)\.py\)", body)}
    assert modules
    not_asked = modules - asked()
    assert bool(not_asked) == bool(re.search(r"no\s+entity\s+asks\s+it\s+yet", body)), not_asked
