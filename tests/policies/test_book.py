"""A change of the files takes effect on the next decision, whole, and only where it is without fault."""

import logging
import os
import time
from pathlib import Path

import pytest

from adapters.ports import PolicyPort
from policies.book import FixedPolicies, PolicyBook
from policies.reading import PolicyFile, read_file
from tests.policies.conftest import Folder


def frozen_zone_days(book: PolicyPort, item: str = "") -> int:
    policy = book.effective("P1", item=item)
    assert policy is not None
    return policy.frozen_zone_days


def test_a_change_on_disk_is_in_force_a_second_later(bare: Folder) -> None:
    book = bare.book()
    bare.append("plants/P1.toml", "frozen_zone_days = 9\n")
    assert frozen_zone_days(book) == 5, "not looked at yet"
    bare.a_second_later()
    assert frozen_zone_days(book) == 9


def test_a_new_rule_a_new_plant_and_a_removed_file_are_changes_too(bare: Folder) -> None:
    book = bare.book()
    bare.write("rules/x.toml", '[[rule]]\nitem = "I1"\nfrozen_zone_days = 7\n')
    bare.write("plants/P3.toml", "")
    bare.a_second_later()
    assert (frozen_zone_days(book, "I1"), list(book.plants)) == (7, ["P1", "P2", "P3"])
    (bare.path / "rules" / "x.toml").unlink()
    (bare.path / "plants" / "P3.toml").unlink()
    bare.a_second_later()
    assert (frozen_zone_days(book, "I1"), list(book.plants)) == (5, ["P1", "P2"])


def test_a_broken_edit_keeps_what_held_is_logged_once_and_is_to_be_seen(
    bare: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    book = bare.book()
    bare.append("plants/P1.toml", "frozen_zone_days = 9\n")
    bare.append("defaults.toml", "processing_days = -1\n")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            bare.a_second_later()
            assert frozen_zone_days(book) == 5, "the sound half of the change is not in force either"
    [fault] = book.faults
    assert fault.startswith(f"{bare.path / 'defaults.toml'}: processing_days = -1: ")
    [logged] = [record.getMessage() for record in caplog.records]
    assert fault in logged
    bare.replace("defaults.toml", "processing_days = -1", "processing_days = 1")
    bare.a_second_later()
    assert (frozen_zone_days(book), book.faults) == (9, ())


def test_a_change_that_is_still_being_written_waits_until_it_is_left_alone(bare: Folder) -> None:
    book = bare.book()
    bare.wall[0] = time.time()
    bare.append("plants/P1.toml", "frozen_zone_days = 9\n")
    bare.a_second_later()
    assert frozen_zone_days(book) == 5
    bare.append("plants/P1.toml", "processing_days = 3\n")
    bare.a_second_later()
    assert frozen_zone_days(book) == 5
    bare.a_second_later()
    assert frozen_zone_days(book) == 9, "the same at two looks"


def test_a_change_with_an_old_date_is_a_change(bare: Folder) -> None:
    book = bare.book()
    bare.append("plants/P1.toml", "frozen_zone_days = 9\n")
    os.utime(bare.path / "plants" / "P1.toml", (1, 1))
    bare.a_second_later()
    assert frozen_zone_days(book) == 9


def test_between_two_looks_nothing_is_read(bare: Folder) -> None:
    book = bare.book()
    for file in bare.path.rglob("*.toml"):
        file.unlink()
    bare.a_second_later(0.99)
    assert frozen_zone_days(book) == 5


def test_only_the_file_that_changed_is_read_again(bare: Folder) -> None:
    read: list[str] = []

    def recorded(path: Path) -> PolicyFile:
        read.append(path.name)
        return read_file(path)

    book = PolicyBook(bare.path, clock=lambda: bare.clock[0], wall=lambda: bare.wall[0], read=recorded)
    assert sorted(read) == ["P1.toml", "P2.toml", "calendars.toml", "defaults.toml"]
    read.clear()
    bare.append("plants/P1.toml", "frozen_zone_days = 9\n")
    bare.a_second_later()
    assert (frozen_zone_days(book), read) == (9, ["P1.toml"])


def test_a_hundred_thousand_look_ups_take_a_moment(bare: Folder) -> None:
    bare.write("rules/x.toml", '[[rule]]\nitem = "I7"\nsupplier = "V1"\nfrozen_zone_days = 7\n')
    book = PolicyBook(bare.path)
    items = [f"I{number}" for number in range(1000)]
    began = time.perf_counter()
    for _ in range(100):
        for item in items:
            book.effective("P1", item_class="A", item=item, supplier="V1")
    assert time.perf_counter() - began < 2.0


def test_fixed_policies_give_the_one_that_names_the_most(bare: Folder) -> None:
    plain = bare.book().effective("P1")
    assert plain is not None
    own = {
        ("P1", "I1", "V1"): plain.model_copy(update={"frozen_zone_days": 1}),
        ("P1", "", "V1"): plain.model_copy(update={"frozen_zone_days": 2}),
        ("P1", "A", ""): plain.model_copy(update={"frozen_zone_days": 3}),
    }
    fixed = FixedPolicies({"P1": plain}, own)

    def asked(**of: str) -> int:
        found = fixed.effective("P1", **of)
        assert found is not None
        return found.frozen_zone_days

    assert asked(item="I1", supplier="V1") == 1
    assert asked(item="I2", supplier="V1") == 2
    assert asked(item_class="A", item="I2", supplier="V2") == 3
    assert asked(item="I1") == asked() == 5
    assert fixed.effective("P9") is None
    assert (list(fixed.plants), fixed.faults) == (["P1"], ())
