"""SECURITY.md names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [row for row in (ROOT / "SECURITY.md").read_text().splitlines() if re.match(r"\| (V\d|Webhooks)", row)]


def test_the_tests_named_for_each_point_exist() -> None:
    missing = []
    for row in ROWS:
        path: Path | None = None
        for file, _, test in re.findall(r"`([\w/]+\.py)?(::)?(test_\w+)?`", row):
            if file:
                path = ROOT / (file if file.startswith("tests/") else f"tests/gateway/{file}")
            if (file or test) and (path is None or not path.is_file() or f"def {test}" not in path.read_text()):
                missing.append(f"{row[:30]}: {file}{test}")
    assert len(ROWS) > 30
    assert missing == []
