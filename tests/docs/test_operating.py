"""Metrics, logs and queries that docs/operating.md names are those that the code writes."""

import re
from pathlib import Path

from canonical.exception import ExceptionKind

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text()
CALLS = {
    name
    for path in (ROOT / "activities").rglob("*.py")
    for name in re.findall(r'@activity\.defn\(name="([a-z_.]+)"\)', path.read_text())
}


def test_every_kind_of_exception_is_named() -> None:
    (sentence,) = re.findall(r"`PeglineExceptionKind` is ([^.]+)\.", PAGE)
    assert set(re.findall(r"`(\w+)`", sentence)) == set(ExceptionKind)


def test_incidents_are_found_by_the_prefixes_that_the_page_names() -> None:
    (row,) = (line for line in PAGE.splitlines() if "PeglineIncident STARTS_WITH" in line)
    prefixes = re.findall(r"[\"`]([a-z]+[.:])[\"`]", row)
    assert len(prefixes) >= 4
    assert {prefix for prefix in prefixes if not any(call.startswith(prefix) for call in CALLS)} == set()


def test_the_documents_that_modules_cite_are_in_the_repository() -> None:
    folders = [path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"]
    cited = {
        (str(path.relative_to(ROOT)), name)
        for folder in folders
        for path in folder.rglob("*.py")
        for name in re.findall(r"[\w/-]+\.md\b", path.read_text())
    }
    assert {
        (module, name)
        for module, name in cited
        if not (ROOT / name).exists() and not (ROOT / module).parent.joinpath(name).exists()
    } == set()
