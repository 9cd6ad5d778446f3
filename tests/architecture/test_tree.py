"""Rules for every file: no paths of one machine, no dead links, one reader of the environment, no imports of tests."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_MACHINE = re.compile(
    r"(?<![\w.~}*-])/(?:root|home|work|Users)/\w"  # somebody's folders
    r"|--(?:extra-)?index-url|--find-links|--trusted-host"  # somebody's package index
    r"|https?://[^\s\"')>]*(?:/simple/|pythonhosted|pypi\.|goproxy|proxy\.golang)"
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


def tracked() -> list[Path]:
    """The files of the repository, and those about to be."""
    command = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [path for name in listed if name and (path := ROOT / name).is_file()]


@cache
def texts() -> list[tuple[str, str]]:
    """Name and content of every text file."""
    found = []
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content[:8000]:
            found.append((str(path.relative_to(ROOT)), content.decode(errors="replace")))
    return found


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("cd /home/" + "anna/pegline", True),
        ("open('/work/" + "main/x')", True),
        ("pip install --extra-" + "index-url https://mirror.example/simple/", True),
        ("GOPROXY=https://goproxy" + ".example", True),
        ("https://example.com/root/cause", False),
        ("GET /workflows/home/", False),
        ("docs/home/plan", False),
    ],
)
def test_a_machines_own_path_or_registry_is_recognised(line: str, is_one: bool) -> None:
    assert bool(_MACHINE.search(line)) is is_one


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, content in texts()
        if name != str(Path(__file__).relative_to(ROOT)) and _MACHINE.search(content)
        for number, line in enumerate(content.splitlines(), 1)
        if _MACHINE.search(line)
    ]
    assert found == []


def anchors(markdown: str) -> set[str]:
    """The anchors that a renderer gives the headings."""
    headings = re.findall(r"^#+ +(.+?) *$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(path: Path) -> list[str]:
    """Relative links of a Markdown file whose target, or heading in it, is not there."""
    dead = []
    for link in _LINK.findall(path.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target.read_text())):
            dead.append(link)
    return dead


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# The way of a need\n[a](#the-way-of-a-need) [b](page.md) [c](gone.md) [d](#gone) [e](https://x.example)"
    )
    assert dead_links(page) == ["gone.md", "#gone"]


def test_the_documents_links_lead_somewhere() -> None:
    pages = [path for path in tracked() if path.suffix == ".md"]
    assert {str(page.relative_to(ROOT)): dead for page in pages if (dead := dead_links(page))} == {}


parsed = cache(ast.parse)
"""The tree of a source: several rules read the same ones."""


def statements(source: str) -> Iterator[ast.stmt]:
    """All of a source's statements, however deep; walking the expressions, too, takes five times as long."""
    waiting: list[ast.AST] = [parsed(source)]
    while waiting:
        node = waiting.pop()
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting.extend(getattr(node, field, ()))
        if isinstance(node, ast.stmt):
            yield node


def modules(containing: str) -> list[tuple[str, str]]:
    """Name and content of the Python files in which the pattern is found."""
    return [(name, content) for name, content in texts() if name.endswith(".py") and re.search(containing, content)]


def environment_reads(source: str) -> list[str]:
    """Where code reads the environment by itself."""
    return [
        node.attr
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv", "environb"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    ]


def test_only_the_settings_read_the_environment() -> None:
    assert environment_reads("import os\nos.environ['X']") == ["environ"]
    readers = [name for name, content in modules(r"environ|getenv") if environment_reads(content)]
    assert readers == ["settings.py", "tools/packages.py"], "before there is pydantic"


def public_classes(source: str) -> list[str]:
    """The names of a module's own classes that others may use."""
    body = parsed(source).body
    return [node.name for node in body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def test_no_two_public_classes_of_the_product_have_the_same_name() -> None:
    """Simulators, story and benchmarks have their own words for what they stand in for."""
    assert public_classes("class Order: ...\nclass _Line: ...") == ["Order"]
    others = ("simulators/", "demo/", "benchmarks/", "tests/", "tools/")
    found: dict[str, list[str]] = {}
    for name, content in modules(r"(?m)^class "):
        if not name.startswith(others):
            for each in public_classes(content):
                found.setdefault(each, []).append(name)
    assert {each: names for each, names in found.items() if len(names) > 1} == {}


def fields_of_models(sources: list[str]) -> set[str]:
    """The names of all annotated attributes of classes."""
    return {
        statement.target.id
        for source in sources
        for node in statements(source)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def updated_in_copies(source: str) -> set[str]:
    """The names of fields that `model_copy(update={...})` sets; pydantic takes any name in silence."""
    return {
        key.value
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "model_copy"
        for keyword in node.keywords
        if keyword.arg == "update" and isinstance(keyword.value, ast.Dict)
        for key in keyword.value.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def test_copies_update_fields_that_there_are() -> None:
    assert updated_in_copies('call.model_copy(update={"entry": batch, **more})') == {"entry"}
    fields = fields_of_models([content for _, content in modules(r"(?m)^ *class ")])
    copying = modules(r"model_copy\(")
    unknown = {name: gone for name, content in copying if (gone := updated_in_copies(content) - fields)}
    assert unknown == {}


def imported_tests(source: str) -> list[str]:
    """The test modules that a source imports."""
    found = []
    for node in statements(source):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    test = re.compile(r"tests\.(?:\w+\.)*test_\w+")
    return [module for module in found if test.fullmatch(module)]


@pytest.mark.parametrize(
    ("source", "imported"),
    [
        ("from tests.ledger.test_inbox import a_message", ["tests.ledger.test_inbox"]),
        ("from tests.ledger import test_inbox", ["tests.ledger.test_inbox"]),
        ("import tests.ledger.test_inbox", ["tests.ledger.test_inbox"]),
        ("from tests.ledger.stories import request", []),
    ],
)
def test_an_import_of_a_test_module_is_seen(source: str, imported: list[str]) -> None:
    assert imported_tests(source) == imported


def test_no_module_imports_a_test_module() -> None:
    importing = modules(r"(?m)^ *(from|import) tests\b")
    assert {name: found for name, content in importing if (found := imported_tests(content))} == {}
