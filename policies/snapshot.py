"""One state of the policy directory, whole and checked: defaults ← company ← plant ← rules.

Decided here: that every effective policy is valid before anything is decided by it, that all faults are reported at
once, and what its version is. Not here: when the directory is reloaded (policies.book).
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from canonical.policy import PlantPolicy
from policies.calendars import read_calendars, with_calendars
from policies.consistency import COUPLED, inconsistencies, joint_inconsistencies
from policies.keys import file_faults
from policies.layers import Layer, blamed, merged
from policies.reading import PolicyError, PolicyFile, fault, files_below
from policies.rules import Rule, RuleBook, rules_of

DEFAULTS, CALENDARS = "defaults.toml", "calendars.toml"


class PolicySnapshot:
    """The policies of the directory at one moment. Raises PolicyError with every fault."""

    def __init__(self, directory: Path, read: Callable[[Path], PolicyFile], today: dt.date) -> None:
        self.directory = directory
        self.year = today.year
        files = {path: read(path) for path in (directory / DEFAULTS, directory / CALENDARS, *files_below(directory))}
        faults = [file.fault for file in files.values() if file.fault]
        self._calendars, wrong = read_calendars(files[directory / CALENDARS], today)
        self._bases = self._layers_of_plants(files)
        self._rules, more = self._read_rules(files)
        faults += [*wrong, *self._key_faults(files), *more]
        if not self._bases:
            faults.append(f"{directory / 'plants'}: no plant has a policy; add a <plant>.toml")
        self._built: dict[tuple[str, tuple[int, ...]], PlantPolicy] = {}
        self._held: dict[tuple[str, str, str, str], PlantPolicy] = {}
        self._faulty: set[str | int] = set()
        """Plants, and numbers of rules, that are invalid by themselves."""
        if not any(file.fault for file in files.values()):
            # Behind an unreadable file every plant would lack what it says.
            faults += self._value_faults()
        if faults:
            raise PolicyError(list(dict.fromkeys(faults)))

    @property
    def plants(self) -> tuple[str, ...]:
        """The plants that have a policy."""
        return tuple(self._bases)

    def effective(self, plant: str, item_class: str, item: str, supplier: str) -> PlantPolicy | None:
        """The effective policy; None: the plant has none. Only values that rules name are cache keys, so that few
        policies are kept.
        """
        rules = self._rules
        key = (
            plant,
            item_class if item_class in rules.item_classes else "",
            item if item in rules.items else "",
            supplier if supplier in rules.suppliers else "",
        )
        held = self._held.get(key)
        if held is None and plant in self._bases:
            held = self._held[key] = self._policy(plant, self._holding(key))
        return held

    def layers(self, plant: str, item_class: str, item: str, supplier: str) -> list[Layer]:
        """The layers that apply there, the one that wins last."""
        return self._layers(plant, self._holding((plant, item_class, item, supplier)))

    def _holding(self, key: tuple[str, str, str, str]) -> tuple[int, ...]:
        plant, item_class, item, supplier = key
        return self._rules.holding(plant=plant, item_class=item_class, item=item, supplier=supplier)

    # -- reading

    def _layers_of_plants(self, files: dict[Path, PolicyFile]) -> dict[str, list[Layer]]:
        defaults = Layer(self.directory / DEFAULTS, files[self.directory / DEFAULTS].table)
        found: dict[str, list[Layer]] = {}
        for path, file in files.items():
            if path.parent != self.directory / "plants":
                continue
            own = Layer(path, file.table)
            code = merged([defaults, own]).get("company_code")
            company = files.get(self.directory / "companies" / f"{code}.toml")
            found[path.stem] = [defaults, *([Layer(company.path, company.table)] if company else []), own]
        return found

    def _read_rules(self, files: dict[Path, PolicyFile]) -> tuple[RuleBook, list[str]]:
        rules: list[Rule] = []
        faults: list[str] = []
        for path, file in files.items():
            if path.parent == self.directory / "rules":
                found, wrong = rules_of(file, self._bases)
                rules += found
                faults += wrong
        book = RuleBook(rules)
        return book, [*faults, *book.ties()]

    def _key_faults(self, files: dict[Path, PolicyFile]) -> Iterator[str]:
        companies = {layers[1].path for layers in self._bases.values() if len(layers) == 3}
        for path, file in files.items():
            if path.name == DEFAULTS or path.parent == self.directory / "plants":
                yield from file_faults(path, file.table)
            elif path.parent == self.directory / "companies":
                yield from file_faults(path, file.table, but=frozenset({"company_code"}))
                if path not in companies:
                    yield f"{path}: no plant is of company {path.stem}; name the file by a plant's company_code"

    # -- checking

    def _value_faults(self) -> Iterator[str]:
        """Faults in the values of every plant, of every rule, and of rules that apply together."""
        for plant in self._bases:
            yield from self._faults_of(plant, ())
        for number, rule in enumerate(self._rules.rules):
            named = {selector[3] for selector in rule.selectors}
            plants = [plant for plant in self._bases if named & {"", plant}]
            # A policy without references to other plants is valid at every plant if it is valid at one.
            fits_more = "routes" in rule.layer.table or any(_sets(rule.layer, group) for group in COUPLED)
            for plant in plants if fits_more else plants[:1]:
                yield from self._faults_of(plant, (number,))
        yield from self._faults_of_meetings()

    def _faults_of_meetings(self) -> Iterator[str]:
        """Rules may be valid alone and invalid together: escalations that do not rise, transfers in a circle."""
        rules = self._rules.rules
        for item, _, item_class in _named_by([rule for rule in rules if "routes" in rule.layer.table]):
            meeting = {plant: self._holding((plant, item_class, item, "")) for plant in self._bases}
            policies = {plant: self._policy(plant, held) for plant, held in meeting.items() if self._sound(plant, held)}
            for plant, (key, value, allowed) in joint_inconsistencies(policies, self._bases):
                yield fault(blamed(self._layers(plant, meeting[plant]), key.split(".")), key, value, allowed)
        for group in COUPLED:
            for item, supplier, item_class in _named_by([rule for rule in rules if _sets(rule.layer, group)]):
                for plant in self._bases:
                    held = self._holding((plant, item_class, item, supplier))
                    meet = sum(_sets(rules[number].layer, group) for number in held) > 1
                    if meet and (plant, held) not in self._built and self._sound(plant, held):
                        yield from self._faults_of(plant, held)

    def _sound(self, plant: str, numbers: tuple[int, ...]) -> bool:
        """The plant and each of the rules alone have no fault."""
        return not self._faulty & {plant, *numbers}

    def _faults_of(self, plant: str, numbers: tuple[int, ...]) -> Iterator[str]:
        layers = self._layers(plant, numbers)
        table, strangers = with_calendars(merged(layers), self._calendars)
        known = ", ".join(self._calendars) or "none yet"
        if strangers:
            self._faulty |= set(numbers) or {plant}
        for key, name in strangers:
            yield fault(blamed(layers, key.split(".")), key, name, f"must name a calendar of {CALENDARS}: {known}")
        try:
            policy = PlantPolicy.model_validate(table | {"plant": plant, "version": ""})
        except ValidationError as error:
            self._faulty |= set(numbers) or {plant}
            yield from (self._in_words(detail, layers) for detail in error.errors())
            return
        wrong = list(inconsistencies(policy))
        for key, value, allowed in wrong:
            yield fault(blamed(layers, key.split(".")), key, value, allowed)
        if wrong and len(numbers) < 2:
            self._faulty |= set(numbers) or {plant}
        if not wrong and not strangers:
            self._built[plant, numbers] = _versioned(policy)

    def _in_words(self, detail: Any, layers: list[Layer]) -> str:
        path = [str(part) for part in detail["loc"] if part != "[key]"]
        key = ".".join(path)
        if detail["type"] == "missing":
            if len(path) > 1:
                return f"{blamed(layers, path)}: {key} is missing"
            return f"{layers[-1]}: {key} is missing; set it here, or in {DEFAULTS} for every plant"
        return fault(blamed(layers, path), key, detail["input"], detail["msg"])

    # -- building

    def _layers(self, plant: str, numbers: tuple[int, ...]) -> list[Layer]:
        return [*self._bases[plant], *(self._rules.rules[number].layer for number in numbers)]

    def _policy(self, plant: str, numbers: tuple[int, ...]) -> PlantPolicy:
        built = self._built.get((plant, numbers))
        if built is None:
            table, _ = with_calendars(merged(self._layers(plant, numbers)), self._calendars)
            built = _versioned(PlantPolicy.model_validate(table | {"plant": plant, "version": ""}))
            self._built[plant, numbers] = built
        return built


def _named_by(rules: list[Rule]) -> Iterator[tuple[str, ...]]:
    """Every combination of item, supplier and class that the rules name."""
    selectors = [selector for rule in rules for selector in rule.selectors]
    yield from product(*(sorted({"", *(each[place] for each in selectors)}) for place in range(3)))


def _sets(layer: Layer, keys: frozenset[tuple[str, str]]) -> bool:
    return any(isinstance(table := layer.table.get(name), dict) and key in table for name, key in keys)


def _versioned(policy: PlantPolicy) -> PlantPolicy:
    """With a digest of its values for a version: equal values are one version, whatever the files look like."""
    digest = hashlib.sha256(policy.model_dump_json(exclude={"version"}).encode()).hexdigest()
    return policy.model_copy(update={"version": digest[:12]})
