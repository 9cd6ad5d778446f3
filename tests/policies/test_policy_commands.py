"""`cli.py policy explain`, as a buyer asks it."""

import sys
from pathlib import Path

import pytest

import cli
from tests.policies.conftest import SHIPPED, Folder


def asked(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["cli.py", "policy", *words])
    return cli.main()


def test_the_table_says_each_value_and_the_file_or_rule_that_says_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("explain", "--plant", "1720", "--item", "CH-0234", "--supplier", "V", "--policies", str(SHIPPED))
    assert asked(monkeypatch, *words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "plant 1720, item CH-0234, supplier V"
    assert "rules/bothell.toml, rule 1" in lines[1]
    table = {line.split()[0]: line for line in lines[3:]}
    assert table["frozen_zone_days"].split()[1:] == ["8", "plants/1720.toml"]
    assert "transfer from 1710 (2 days), direct" in table["routes"]
    assert table["routes"].endswith("rules/bothell.toml, rule 1 (moved from San Diego before it is bought)")
    assert "us-west: Mon Tue Wed Thu Fri 06:00–22:00" in table["calendar"]


def test_substitute_items_are_said_with_ratio_days_and_assemblies(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bare: Folder
) -> None:
    used = (
        '{ item = "PB", quantity = 1.5, unit = "KGM", per = 2, effective_to = 2026-12-31, assemblies = ["BK", "BL"] }'
    )
    bare.write("rules/s.toml", f'[[rule]]\nitem = "PA"\nsubstitutes = [{{ item = "PC" }}, {used}]\n')
    assert asked(monkeypatch, "explain", "--plant", "P1", "--item", "PA", "--policies", str(bare.path)) == 0
    assert "PC (1 for 1), PB (1.5 KGM for 2 until 2026-12-31 in BK or BL)" in capsys.readouterr().out


def test_the_directory_is_the_environments_where_none_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bare: Folder
) -> None:
    monkeypatch.setenv("PEGLINE_POLICY_DIRECTORY", str(bare.path))
    assert asked(monkeypatch, "explain", "--plant", "P2") == 0
    assert "plant P2" in capsys.readouterr().out


def test_an_unknown_plant_is_reported_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(monkeypatch, "explain", "--plant", "9999", "--policies", str(SHIPPED)) == 2
    assert capsys.readouterr().err == "plant '9999' has no policy; there are: 1710, 1720, 1730\n"


def test_faulty_policies_are_reported_with_every_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert asked(monkeypatch, "explain", "--plant", "1710", "--policies", str(tmp_path)) == 2
    statement = capsys.readouterr().err
    assert "The policies can't be used:" in statement
    assert "defaults.toml" in statement
    assert "no plant has a policy" in statement
