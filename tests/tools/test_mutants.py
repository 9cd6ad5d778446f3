import json
from pathlib import Path

import pytest

from tools.mutants import COPIED, Score, prepare, scores, show


def left(workshop: Path, module: str, **exit_codes: int | None) -> None:
    folder = workshop / "mutants" / "decisions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py.meta").write_text(json.dumps({"exit_code_by_key": exit_codes}))


def test_a_mutant_is_dead_by_a_failed_test_or_by_never_ending_and_alive_where_no_test_reached_it(
    tmp_path: Path,
) -> None:
    left(tmp_path, "lots", failed=1, endless=36, survived=0, unreached=33, broken=35)
    assert scores(tmp_path) == [Score("lots", 5, ("survived", "unreached", "broken"))]
    assert scores(tmp_path)[0].killed == 2


def test_what_was_not_tried_is_not_counted(tmp_path: Path) -> None:
    left(tmp_path, "lots", failed=1, untried=None)
    left(tmp_path, "netting", untried=None)
    assert scores(tmp_path) == [Score("lots", 1, ())]


def test_one_in_twenty_may_live_and_nothing_tried_is_nothing_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert show([Score("lots", 20, ("one",))])
    assert "5.0% alive" in capsys.readouterr().out
    assert not show([Score("lots", 20, ("one", "two"))])
    assert "alive: two" in capsys.readouterr().out
    assert not show([])


def test_the_workshop_holds_the_rules_and_their_tests_and_no_servers(tmp_path: Path) -> None:
    workshop = tmp_path / "mutants"
    workshop.mkdir()
    (workshop / "stale").touch()
    prepare(workshop)
    assert all((workshop / name).exists() for name in COPIED)
    assert not (workshop / "stale").exists()
    assert not (workshop / "tests" / "conftest.py").exists()
