"""The shipped policies as the present ones, and a copy of them to be changed: the candidate."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import policies
from backtest.decision import Difference, Policies
from backtest.result import Backtest, BacktestResult
from policies.book import PolicyBook
from tests.backtest.records import Book

SHIPPED = Path(policies.__file__).parent


class Candidate:
    """A copy of the shipped policies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        shutil.copytree(SHIPPED, path, ignore=shutil.ignore_patterns("*.py", "__pycache__"))

    def replace(self, name: str, old: str, new: str) -> None:
        file = self.path / name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def rule(self, text: str) -> None:
        (self.path / "rules" / "tried.toml").write_text(f'[[rule]]\nname = "tried"\n{text}\n')

    def book(self) -> PolicyBook:
        return PolicyBook(self.path)


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    return Candidate(tmp_path / "candidate")


@pytest.fixture(scope="session")
def present() -> PolicyBook:
    return PolicyBook(SHIPPED)


@pytest.fixture
def book(present: PolicyBook) -> Book:
    return Book(present)


Compare = Callable[..., tuple[BacktestResult, list[Difference]]]


@pytest.fixture
def compare(book: Book, present: PolicyBook, candidate: Candidate) -> Compare:
    """What the candidate would have decided of all that is in the book."""

    def compared(under: PolicyBook | None = None) -> tuple[BacktestResult, list[Difference]]:
        found: list[Difference] = []
        changed = under or candidate.book()
        backtest_run = Backtest(Policies(present.effective), Policies(changed.effective), found.append)
        for audit_event in book.audit_events:
            backtest_run.take(audit_event)
        return backtest_run.result(), found

    return compared
