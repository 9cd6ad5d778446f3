"""What `cli.py landscape` says of the landscape and the plants' policies together."""

import argparse
from pathlib import Path
from shutil import copytree

import pytest

from console import landscape

TWO_ERPS = """
[systems.north]
kind = "erp"
dialect = "sap-v2"
address = "http://127.0.0.1:9"

[systems.south]
kind = "erp"
dialect = "sap-v2"
address = "http://127.0.0.1:9"

[[owner]]
system = "north"
domains = ["orders", "master_data"]

[[owner]]
system = "south"
domains = ["orders", "master_data"]
plant = "1720"
"""
POLICY = """
company_code = "1710"
calendar = "us-west"
office = "us-west-office"
routes = [{ kind = "transfer", supplying_plant = "1720", transit_days = 2 }]
"""


@pytest.mark.parametrize("question", ["check", "explain"])
def test_a_transfer_that_would_be_in_two_erps_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], question: str
) -> None:
    (tmp_path / "landscape.toml").write_text(TWO_ERPS)
    copytree("policies", tmp_path, dirs_exist_ok=True)
    (tmp_path / "plants/1730.toml").write_text(POLICY)
    monkeypatch.setenv("PEGLINE_LANDSCAPE", str(tmp_path / "landscape.toml"))
    monkeypatch.setenv("PEGLINE_POLICY_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("PEGLINE_DATABASE_URL", "postgresql://nobody@nowhere/none")
    parser = argparse.ArgumentParser()
    landscape.add_to(parser.add_subparsers())
    landscape.run(parser.parse_args(["landscape", question, *(["1730"] if question == "explain" else [])]))
    said = capsys.readouterr().out
    assert "plant 1730 can't transfer from plant 1720 by one order: its orders are in north, those of plant" in said
    assert "give it an info record in north and a channel in the landscape" in said
