"""A real installation: the compose file is valid and sets what the code reads, and locks and image are complete."""

import ast
import importlib.metadata
import itertools
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import grimp
import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from ledger.database import CONNECTIONS
from settings import GatewaySettings, WorkerSettings

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def schema() -> dict[str, Any]:
    """The compose specification's own schema (Apache-2.0), as check-jsonschema carries it."""
    carried = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    loaded: dict[str, Any] = yaml.safe_load(carried.read_text())
    return loaded


def compose_errors(document: dict[str, Any]) -> list[str]:
    validator = jsonschema.validators.validator_for(schema())(schema())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def test_the_compose_file_is_valid() -> None:
    assert compose_errors(COMPOSE) == []
    assert compose_errors({"services": {"worker": {"imagge": "pegline"}}}) != []


def test_every_variable_that_a_process_of_ours_gets_is_one_it_reads() -> None:
    known = WorkerSettings.variables().keys() | GatewaySettings.variables().keys()
    for name, service in OURS.items():
        given = {variable for variable in service["environment"] if not variable.startswith("TEMPORAL_")}
        assert given <= known, name
    assert SERVICES["worker"]["environment"].keys() >= required(WorkerSettings)
    assert SERVICES["gateway"]["environment"].keys() >= required(GatewaySettings)


def required(model: type[WorkerSettings] | type[GatewaySettings]) -> set[str]:
    return {str(field.alias) for field in model.model_fields.values() if field.is_required()}


def test_secrets_are_asked_for_and_never_written_down() -> None:
    secret = re.compile(r"PASSWORD|PWD|SECRET|TOKEN|API_KEY")
    found = 0
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable):
                found += 1
                assert re.fullmatch(r"\$\{\w+:(\?.+|-)\}", str(value)), f"{name}: {variable}"
    assert found >= 5


def test_the_example_file_shows_every_variable_that_the_compose_file_asks_for() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    shown = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert asked <= shown


def test_what_is_waited_for_can_be_waited_for() -> None:
    waits = 0
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            waits += 1
            assert other in SERVICES, f"{name} waits for {other}"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for the health of {other}"
            else:
                assert how["condition"] == "service_completed_successfully"
                assert SERVICES[other]["restart"].startswith("on-failure"), f"{other} would never be completed"
    assert waits >= 6


def test_nothing_listens_beyond_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def copied() -> set[str]:
    """What the image holds of ours."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return {name for line in lines for name in line.split()}


def test_commands_run_files_that_the_image_holds() -> None:
    for name, service in OURS.items():
        # Several programs one after the other take a shell.
        program, *called = service["command"]
        commands = called[-1].split(" && ") if program == "sh" else [" ".join(service["command"])]
        for command in commands:
            run_from_the_image(name, command.removeprefix("exec ").split())
    assert {name for name in copied() if not (ROOT / name).exists()} == set()
    admitted = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied() == admitted
    assert re.search(r"^USER (?!root|0)\w+", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def run_from_the_image(name: str, command: list[str]) -> None:
    """A command of a service runs Python, on a file that the image holds."""
    program, *called = command
    assert program == "python", name
    file = f"{called[1].replace('.', '/')}.py" if called[0] == "-m" else called[0]
    assert file.split("/")[0] in copied(), name
    assert (ROOT / file).is_file(), f"{name} runs {file}"


def options(service: str) -> dict[str, str]:
    """The options that a database is started with."""
    command = SERVICES[service]["command"]
    return dict(pair.split("=") for flag, pair in itertools.pairwise(command) if flag == "-c")


def test_the_databases_allow_as_many_connections_as_their_clients_may_open() -> None:
    reserved_for_administrators, for_a_back_up_and_somebody_who_looks = 3, 5
    temporal = SERVICES["temporal"]["environment"]
    services_of_the_server = 4
    by_temporal = services_of_the_server * (int(temporal["SQL_MAX_CONNS"]) + int(temporal["SQL_VIS_MAX_CONNS"]))
    # Each migrates over a connection of its own; old and new workers and gateways side by side, two of each.
    by_pegline = 8 * (CONNECTIONS + 1)
    for service, needed in (("temporal-db", by_temporal), ("pegline-db", by_pegline)):
        allowed = int(options(service)["max_connections"])
        assert needed + reserved_for_administrators + for_a_back_up_and_somebody_who_looks <= allowed, service


SDK_METRICS = {"temporal_workflow_task_execution_failed_total"}
"""Of the Temporal SDK, with the suffix that runtime.metrics asks for."""


def test_alerts_and_their_page_go_by_metrics_that_a_worker_serves() -> None:
    served = set(re.findall(r'create_gauge\(\s*"(\w+)"', (ROOT / "runtime" / "metrics.py").read_text())) | SDK_METRICS
    alerts = (ROOT / "deploy" / "alerts.yml").read_text()
    rules = [rule for group in yaml.safe_load(alerts)["groups"] for rule in group["rules"]]
    assert len(rules) >= 4
    for rule in rules:
        named = set(re.findall(r"\b(?:pegline|temporal)_\w+", rule["expr"]))
        assert named, rule["alert"]
        assert named <= served, rule["alert"]
    page = (ROOT / "docs" / "operating.md").read_text()
    assert set(re.findall(r"`(pegline_\w+)`", page)) - {"pegline_"} <= served
    assert {name for name in served if name.startswith("pegline_")} <= set(re.findall(r"`(pegline_\w+)`", page))


def test_prometheus_asks_at_the_ports_that_are_open() -> None:
    jobs = {
        job["job_name"]: job
        for job in yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())["scrape_configs"]
    }
    [workers] = jobs["pegline"]["dns_sd_configs"]
    for name in workers["names"]:
        assert SERVICES[name]["environment"]["PEGLINE_METRICS_PORT"] == str(workers["port"])
    [[target]] = [each["targets"] for each in jobs["temporal"]["static_configs"]]
    service, port = target.split(":")
    assert SERVICES[service]["environment"]["PROMETHEUS_ENDPOINT"].endswith(f":{port}")


def locked(name: str) -> dict[str, Version]:
    """The packages of a lock."""
    pins = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): Version(version) for package, version in pins}


def test_locks_name_packages_by_hash_and_no_registry() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        content = (ROOT / name).read_text()
        assert "://" not in content
        for block in re.split(r"\n(?=[\w.-]+==)", content):
            assert "--hash=sha256:" in block, f"{name}: {block.splitlines()[0]}"


def test_locks_hold_what_the_project_asks_for() -> None:
    runtime, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    assert runtime.items() <= dev.items()
    for lock, asked in ((runtime, PROJECT["project"]["dependencies"]), (dev, PROJECT["dependency-groups"]["dev"])):
        for requirement in map(Requirement, asked):
            version = lock.get(canonicalize_name(requirement.name))
            assert version is not None, f"{requirement.name} is not locked: make lock"
            assert version in requirement.specifier, f"{requirement} is locked at {version}: make lock"


@pytest.mark.parametrize(("entry", "needs"), [("worker", "httpx"), ("runtime.prepare", "alembic")])
def test_the_image_holds_all_that_a_process_imports(entry: str, needs: str) -> None:
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    modules = {path.stem for path in ROOT.glob("*.py")}
    graph = grimp.build_graph(*sorted(ours), include_external_packages=True)
    from_packages = importlib.metadata.packages_distributions()
    runtime = locked("requirements.lock")
    found = reached(entry, graph, modules)
    assert {needs, "temporalio", "ledger", "settings"} <= found
    for name in found:
        if name in ours | modules:
            assert name in copied() or f"{name}.py" in copied(), f"{entry} imports {name}, which the image lacks"
        elif name in from_packages:
            distributions = {canonicalize_name(package) for package in from_packages[name]}
            assert distributions & runtime.keys(), f"{entry} imports {name}, which the runtime lock lacks"


def reached(entry: str, graph: grimp.ImportGraph, modules: set[str]) -> set[str]:
    """The top-level names that the entry imports, directly or not; `modules` are ours that are in no package."""
    found: set[str] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name in modules:
            for node in ast.walk(ast.parse((ROOT / f"{name}.py").read_text())):
                if isinstance(node, ast.Import):
                    waiting += [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module:
                    waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif name in graph.modules and not graph.is_module_squashed(name):
            waiting += graph.find_modules_directly_imported_by(name)
    return {name.split(".")[0] for name in found}
