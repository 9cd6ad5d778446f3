"""The dependency rules hold, and each of them would be seen to break."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LINTER: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS: list[dict[str, Any]] = LINTER["contracts"]
FORBIDDEN = [contract for contract in CONTRACTS if contract["type"] == "forbidden"]


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()",
    )
    return subprocess.run(
        (*command, "--no-cache", "--config", str(ROOT / "pyproject.toml"), *arguments),
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "", "COLUMNS": "400", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def tree(folder: Path, extra: dict[str, str]) -> Path:
    """A tree with every package that a contract names, empty but for `extra` (module → source)."""
    named = set(LINTER["root_packages"])
    for contract in CONTRACTS:
        for key in ("source_modules", "forbidden_modules", "modules"):
            named |= {name for name in contract.get(key, []) if name.split(".")[0] in LINTER["root_packages"]}
    for name in sorted(named | extra.keys()):
        package = folder / name.replace(".", "/")
        for level in (package, *package.parents):
            if level == folder:
                break
            level.mkdir(parents=True, exist_ok=True)
            (level / "__init__.py").touch()
        (package / "__init__.py").write_text(extra.get(name, ""))
    return folder


def test_the_tree_keeps_every_contract() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout


def test_an_empty_tree_keeps_them_too(tmp_path: Path) -> None:
    assert lint(tree(tmp_path, {})).returncode == 0


@pytest.mark.parametrize("contract", FORBIDDEN, ids=lambda contract: contract["id"])
def test_every_forbidden_arrow_is_seen(tmp_path: Path, contract: dict[str, Any]) -> None:
    source = contract["source_modules"][-1]
    imports = "\n".join(f"import {name}" for name in contract["forbidden_modules"])
    done = lint(tree(tmp_path, {f"{source}.violating": imports}), "--contract", contract["id"])
    assert done.returncode == 1, done.stdout + done.stderr
    unseen = [
        name
        for name in contract["forbidden_modules"]
        if f"{source} is not allowed to import {name}:" not in done.stdout
    ]
    assert unseen == []


def test_an_arrow_from_one_adapter_to_another_is_seen(tmp_path: Path) -> None:
    (contract,) = (contract for contract in CONTRACTS if contract["type"] == "independence")
    first, second, *_ = contract["modules"]
    done = lint(tree(tmp_path, {f"{first}.violating": f"import {second}"}), "--contract", contract["id"])
    assert done.returncode == 1
    assert f"{first} is not allowed to import {second}" in done.stdout


def test_a_concrete_adapter_behind_an_activity_is_seen_from_the_workflows(tmp_path: Path) -> None:
    done = lint(
        tree(tmp_path, {"workflows.order": "import activities.erp", "activities.erp": "import adapters.erp"}),
        *("--contract", "workflows"),
    )
    assert done.returncode == 1
    assert "workflows.order -> activities.erp" in done.stdout


def test_no_adapter_is_missing_from_the_contracts() -> None:
    concrete = {
        f"adapters.{path.stem}" for path in (ROOT / "adapters").iterdir() if path.is_dir() or path.suffix == ".py"
    } - {"adapters.__init__", "adapters.__pycache__", "adapters.ports", "adapters.errors"}
    for contract in FORBIDDEN:
        if contract["id"] in {"workflows", "activities", "gateway"}:
            assert concrete <= set(contract["forbidden_modules"]), contract["name"]
    systems = {name for name in concrete if (ROOT / name.replace(".", "/")).is_dir()}
    assert systems == set(next(contract["modules"] for contract in CONTRACTS if contract["type"] == "independence"))


def test_every_package_is_under_contract() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages == set(LINTER["root_packages"])


def imported(path: Path) -> set[str]:
    """The top-level names that a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_of_the_modules_beside_the_packages_only_the_console_knows_the_simulators() -> None:
    assert [path.name for path in ROOT.glob("*.py") if "simulators" in imported(path) and path.name != "cli.py"] == []


def test_decisions_know_nothing_but_canonical_and_the_standard_library() -> None:
    allowed = sys.stdlib_module_names | {"canonical", "decisions"}
    foreign = {str(path): names for path in (ROOT / "decisions").rglob("*.py") if (names := imported(path) - allowed)}
    assert foreign == {}


def clock_calls(source: str) -> list[str]:
    """Calls by which code would read the clock."""
    return [
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "today", "utcnow", "localtime"}
    ]


def test_decisions_get_the_time_as_an_argument() -> None:
    assert clock_calls("import datetime\ndatetime.datetime.now()") == ["now"]
    assert {
        str(path): found for path in (ROOT / "decisions").rglob("*.py") if (found := clock_calls(path.read_text()))
    } == {}
