"""Rules for item classes, items and suppliers: `[[rule]]` tables in rules/*.toml.

Decided here: which rules apply to an item and a supplier, and in which order they override each other: a class below a
supplier below an item below an item with a supplier, and each without a plant below the same with one. Not here: what
the keys of a rule mean.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from policies.keys import rule_faults
from policies.layers import Layer, leaves
from policies.reading import PolicyFile, fault

SELECTORS = ("item", "supplier", "item_class", "plant")
"""From the most specific to the least: the order in which rules override each other."""
Selector = tuple[str, str, str, str]
"""Item, supplier, item class, plant; empty: any."""


@dataclass(frozen=True)
class Rule:
    """One rule and its selectors."""

    layer: Layer
    selectors: tuple[Selector, ...]


class RuleBook:
    """The rules of all files, found by their selectors."""

    def __init__(self, rules: Collection[Rule]) -> None:
        self.rules = tuple(rules)
        self._by_selector: defaultdict[Selector, list[int]] = defaultdict(list)
        for number, rule in enumerate(self.rules):
            for selector in rule.selectors:
                self._by_selector[selector].append(number)
        self.items, self.suppliers, self.item_classes, self.plants = (
            frozenset(selector[place] for selector in self._by_selector if selector[place]) for place in range(4)
        )

    def holding(self, *, plant: str, item_class: str, item: str, supplier: str) -> tuple[int, ...]:
        """The numbers of the rules that apply there, the one that wins last."""
        return tuple(
            number
            for each_item in dict.fromkeys(("", item))
            for each_supplier in dict.fromkeys(("", supplier))
            for each_class in dict.fromkeys(("", item_class))
            for each_plant in dict.fromkeys(("", plant))
            for number in self._by_selector.get((each_item, each_supplier, each_class, each_plant), ())
        )

    def ties(self) -> Iterator[str]:
        """Two rules with equally specific selectors that set the same key."""
        reported: set[tuple[int, int, str]] = set()
        for selector, numbers in self._by_selector.items():
            statement: dict[tuple[str, ...], int] = {}
            for number in numbers:
                layer = self.rules[number].layer
                for path in leaves(layer.table):
                    clash = next((statement[each] for each in statement if _overlap(each, path)), None)
                    key = ".".join(path)
                    if clash is not None and (clash, number, key) not in reported:
                        reported.add((clash, number, key))
                        yield (
                            f"{layer}: {key} is also set by {self.rules[clash].layer}, for {described(selector)}: "
                            "neither is the more specific; take it out of one of them"
                        )
                    statement.setdefault(path, number)


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def described(selector: Selector) -> str:
    """A selector in words."""
    named = zip(("item", "supplier", "item class", "plant"), selector, strict=True)
    return ", ".join(f"{word} {name}" for word, name in named if name)


def rules_of(file: PolicyFile, plants: Collection[str]) -> tuple[list[Rule], list[str]]:
    """The rules of a file, and its faults."""
    found: list[Rule] = []
    faults = [
        fault(file.path, key, file.table[key], "a file of rules holds [[rule]] tables alone")
        for key in file.table
        if key != "rule"
    ]
    tables = file.table.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        return [], [*faults, fault(file.path, "rule", tables, "write [[rule]], with two brackets")]
    for number, table in enumerate(tables, 1):
        name = table.get("name", "")
        label = f"rule {number} ({name})" if name else f"rule {number}"
        keys = {key: value for key, value in table.items() if key not in (*SELECTORS, "name")}
        layer = Layer(file.path, keys, label)
        selectors, wrong = _selectors(layer, table, plants)
        faults += wrong
        faults += rule_faults(layer, keys, names_supplier="supplier" in table, names_item="item" in table)
        faults += _self_substitutes(layer, keys, table)
        if not keys:
            faults.append(f"{layer}: sets no key; name what holds there, or take the rule out")
        found.append(Rule(layer, selectors))
    return found, faults


def _self_substitutes(layer: Layer, keys: dict[str, Any], table: dict[str, Any]) -> list[str]:
    """An item can't replace itself."""
    named, listed = table.get("item"), keys.get("substitutes")
    items = named if isinstance(named, list) else [named]
    stated = [each.get("item") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return [
        fault(layer, f"substitutes.{place}.item", item, "must be another item than the one that it replaces")
        for place, item in enumerate(stated)
        if item in items
    ]


def _selectors(layer: Layer, table: dict[str, Any], plants: Collection[str]) -> tuple[tuple[Selector, ...], list[str]]:
    faults: list[str] = []
    named: list[tuple[str, ...]] = []
    for key in SELECTORS:
        value = table.get(key)
        names = value if isinstance(value, list) else [] if value is None else [value]
        if value == [] or not all(isinstance(name, str) and name.strip() for name in names):
            faults.append(fault(layer, key, value, "must be a code, or a list of codes"))
            names = []
        named.append(tuple(dict.fromkeys(names)) or ("",))
    faults += [
        fault(layer, "plant", plant, "no such plant; there are " + ", ".join(sorted(plants)))
        for plant in named[3]
        if plant and plant not in plants
    ]
    if not faults and named[:3] == [("",)] * 3:
        faults.append(f"{layer}: names neither item_class, item nor supplier; say it in plants/ or defaults.toml")
        return (), faults
    return tuple(product(*named)), faults  # type: ignore[arg-type]
