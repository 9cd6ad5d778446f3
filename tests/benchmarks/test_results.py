"""All benchmarks run, one table shows all figures, and only what could not run fails."""

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as suite
from benchmarks.results import Figure, figures_of, keep, table

ROOT = Path(__file__).parents[2]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results are kept in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


@pytest.mark.parametrize(
    ("figure", "outcome"),
    [
        (Figure("throughput", to_reach=">= 1.2", got=1.2), "reached"),
        (Figure("throughput", to_reach=">= 1.2", got=1.19), "MISSED"),
        (Figure("memory", to_reach="<= 500", got=500), "reached"),
        (Figure("latency", to_reach="< 20", got=20), "MISSED"),
        (Figure("actions", to_reach="<= 7", got=None), "not measured"),
        (Figure("capacity", to_reach=None, got=7.5), "-"),
        (Figure("throughput", to_reach=">= 1.2", got=0.1, quick=True), "not judged"),
    ],
)
def test_the_outcome_for_a_figure(figure: Figure, outcome: str) -> None:
    assert figure.outcome == outcome


def test_the_table_has_a_line_for_each_figure() -> None:
    shown = table([Figure("throughput", to_reach=">= 1.2", got=1.19), Figure("capacity", to_reach=None, got=7.5)])
    assert [line.split() for line in shown.splitlines()] == [
        ["figure", "to", "reach", "got", "outcome"],
        ["throughput", ">=", "1.2", "1.19", "MISSED"],
        ["capacity", "-", "7.5", "-"],
    ]


def test_a_quick_result_replaces_no_other(elsewhere: Path) -> None:
    goal = {"ratio": ">= 1"}
    kept = keep("it", {"ratio": 2.0}, server="none", to_reach=goal)
    quick = keep("it", {"ratio": 0.5}, server="none", to_reach=goal, quick=True)
    assert figures_of(json.loads(kept.read_text())) == [Figure("ratio", to_reach=">= 1", got=2.0)]
    assert figures_of(json.loads(quick.read_text())) == [Figure("ratio", to_reach=">= 1", got=0.5, quick=True)]


def test_a_benchmark_that_cannot_run_does_not_stop_the_next(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suite, "SUITE", [("no_such_benchmark",), ("decisions",)])
    monkeypatch.setattr(suite, "PICTURES", ("no_such_pictures",))
    monkeypatch.setattr("sys.argv", ["benchmarks", "--quick"])
    assert suite.main() == 1
    reported = capfd.readouterr().out
    for name in ("benchmark", "pictures"):
        assert f"COULD NOT RUN: python -m benchmarks.no_such_{name} --quick (exit code 1)" in reported
    assert "decisions_per_unit" in reported.rpartition("outcome")[2]


def test_a_missed_figure_fails_nothing(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def missed(command: list[str]) -> int:
        keep("it", {"ratio": 0.5}, server="none", to_reach={"ratio": ">= 1"})
        return 0

    monkeypatch.setattr(suite, "_run", missed)
    monkeypatch.setattr(suite, "SUITE", [("first",)])
    monkeypatch.setattr("sys.argv", ["benchmarks"])
    assert suite.main() == 0
    assert "MISSED" in capfd.readouterr().out.rpartition("figure")[2]
