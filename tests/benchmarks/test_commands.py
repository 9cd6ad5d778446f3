"""Commands that the documents name are accepted as they are written: by the parser of their module, or by make."""

import importlib
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
MODULES = sorted(path for path in ROOT.glob("benchmarks/**/*.py") if path.name != "__init__.py")

_BLOCK = re.compile(r"^(?:```|~~~)\w*\n(.*?)^(?:```|~~~)$|^((?: {4}\S.*\n?)+)", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_COMMAND = re.compile(r"(?:python(?: -m \S+| \S+\.py)|make [a-z]+)(?= |$)")


def commands_in(text: str) -> Iterator[str]:
    """Commands of code blocks and code spans, without comments."""
    blocks = [block for found in _BLOCK.findall(text) for block in found]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    spans = [" ".join(span.split()) for span in _SPAN.findall(_BLOCK.sub("", text))]
    for each in [*lines, *spans]:
        command = re.sub(r"\s#.*| \|.*| {2,}.*", "", each.strip().removeprefix("$ "))
        if _COMMAND.match(command):
            yield command


FOLLOWED = ROOT / "docs" / "adapters.md"
"""Its commands are given in a project of their own, where tests/docs/test_adapters.py gives them."""
DOCUMENTED = sorted({command for path in DOCUMENTS if path != FOLLOWED for command in commands_in(path.read_text())})
IN_DOCSTRINGS = sorted(
    {
        re.sub(r"[\[\]]| {2,}.*", "", line.strip()).replace("--port N", "--port 8080")
        for path in MODULES
        for line in re.findall(r"^ {0,4}python -m benchmarks\b.*$", path.read_text(), re.MULTILINE)
    }
)


def accept(command: str) -> None:
    """Let its parser read the command, without running it."""
    words = shlex.split(command)
    if words[0] == "make":
        for line in made(words).splitlines():
            if " -m benchmarks" in line:
                accept(line.strip())
        return
    name, options = (words[2], words[3:]) if words[1] == "-m" else (words[1].removesuffix(".py"), words[2:])
    if name == "benchmarks":
        name = "benchmarks.__main__"
    module = importlib.import_module(name)
    if hasattr(module, "arguments"):
        module.arguments().parse_args(options)
    else:
        assert options == [], f"{name} has no parser"
        assert '__name__ == "__main__"' in Path(module.__file__ or "").read_text(), f"{name} does nothing when run"


def made(words: list[str]) -> str:
    """What make would run."""
    done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", DOCUMENTED)
def test_a_documented_command_is_accepted(command: str) -> None:
    accept(command)


@pytest.mark.parametrize("command", IN_DOCSTRINGS)
def test_the_command_of_a_benchmarks_docstring_is_accepted_with_all_its_options(command: str) -> None:
    accept(command)


def test_commands_are_found_where_documents_have_them() -> None:
    text = "`make demo`, `makes`\n\n    python -m a.b --x 1   # all\n\n```sh\npython c.py d | less\n```\n`python`\n"
    assert sorted(commands_in(text)) == ["make demo", "python -m a.b --x 1", "python c.py d"]
    assert {"make bench", "python -m benchmarks.plan_runs"} <= set(DOCUMENTED)


@pytest.mark.parametrize("command", ["python -m benchmarks.plan_runs no_such_figure", "python -m benchmarks --fast"])
def test_a_wrong_command_is_not_accepted(command: str) -> None:
    with pytest.raises(SystemExit):
        accept(command)
