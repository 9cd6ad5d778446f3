"""Mutation testing of decisions/: does some test fail for each small fault in a rule?

python -m tools.mutants                  all rules
python -m tools.mutants lots schedule    these modules only

Works on a copy in .run/mutants, so that the tree may be edited meanwhile; writes report.json there and fails where more
than one mutant in twenty survives. Not here: why the survivors are acceptable (docs/mutants.md).
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
WORKSHOP = ROOT / ".run" / "mutants"
COPIED = ("docs/kpis.md", "canonical", "decisions", "tests/decisions", "pyproject.toml")
"""The files that the rules' tests need; deliberately without tests/conftest.py, which starts servers."""
ALIVE_AT_MOST = 0.05
_DEAD = frozenset({1, 3, 24, 36, 152, 255, -24, -11, -9})
"""mutmut's exit codes: a test failed, or the mutant timed out."""


class Score(NamedTuple):
    """The results of a module's mutants."""

    module: str
    total: int
    alive: tuple[str, ...]
    """Names of surviving mutants; `mutmut show NAME` in the workshop prints the fault."""

    @property
    def killed(self) -> int:
        """The number of mutants that a test detected."""
        return self.total - len(self.alive)


def prepare(workshop: Path = WORKSHOP) -> None:
    """Copy the needed files into an empty workshop."""
    shutil.rmtree(workshop, ignore_errors=True)
    for name in COPIED:
        target = workshop / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, target)


def scores(workshop: Path = WORKSHOP) -> list[Score]:
    """Each module's results from mutmut, without mutants that it has not tried."""
    found = []
    for path in sorted((workshop / "mutants" / "decisions").rglob("*.py.meta")):
        exit_codes = json.loads(path.read_text())["exit_code_by_key"]
        tried = {name: code for name, code in exit_codes.items() if code is not None}
        alive = tuple(name for name, code in tried.items() if code not in _DEAD)
        if tried:
            found.append(Score(path.name.removesuffix(".py.meta"), len(tried), alive))
    return found


def show(found: list[Score]) -> bool:
    """Print the scores; returns whether few enough mutants survive."""
    total, alive = sum(score.total for score in found), sum(len(score.alive) for score in found)
    print(f"{'module':24}{'mutants':>8}{'killed':>8}{'alive':>8}")
    for score in found:
        print(f"{score.module:24}{score.total:8}{score.killed:8}{len(score.alive):8}")
    print(f"{'all':24}{total:8}{total - alive:8}{alive:8}  {alive / total if total else 0:.1%} alive")
    for score in found:
        for name in score.alive:
            print(f"  alive: {name}")
    return total > 0 and alive <= total * ALIVE_AT_MOST


def main(modules: list[str]) -> int:
    """Create the mutants, test them, report; 1 where too many survive or mutmut could not run."""
    prepare()
    names = [f"decisions.{module}.*" for module in modules]
    ran = subprocess.run(  # one child: mutants are many and the machine is shared
        [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names], cwd=WORKSHOP, check=False
    )
    found = scores()
    report = {score.module: {"mutants": score.total, "killed": score.killed, "alive": score.alive} for score in found}
    (WORKSHOP / "report.json").write_text(json.dumps(report, indent=2))
    few_enough = show(found)
    return 0 if ran.returncode == 0 and few_enough else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
