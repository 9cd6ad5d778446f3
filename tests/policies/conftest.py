"""The shipped policies in a folder of their own, to be changed and spoiled, and a book of it whose clock is ours."""

import datetime as dt
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import policies
from policies.book import PolicyBook
from policies.reading import PolicyError

SHIPPED = Path(policies.__file__).parent
TODAY = dt.date(2026, 6, 1)


@dataclass
class Folder:
    """A policy directory, and the time that its readers see."""

    path: Path
    clock: list[float] = field(default_factory=lambda: [0.0])
    wall: list[float] = field(default_factory=lambda: [4e9])
    """Far ahead of the files' stamps: whatever is written has been left alone."""
    today: list[dt.date] = field(default_factory=lambda: [TODAY])

    def book(self) -> PolicyBook:
        return PolicyBook(
            self.path, today=lambda: self.today[0], clock=lambda: self.clock[0], wall=lambda: self.wall[0]
        )

    def faults(self) -> tuple[str, ...]:
        """The faults of the folder, without its path."""
        with pytest.raises(PolicyError) as caught:
            self.book()
        assert str(caught.value) == "\n".join(caught.value.faults)
        return tuple(fault.replace(f"{self.path}{os.sep}", "") for fault in caught.value.faults)

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def append(self, name: str, text: str) -> None:
        self.write(name, (self.path / name).read_text() + text)

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def a_second_later(self, seconds: float = 1.0) -> None:
        self.clock[0] += seconds


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    shutil.copytree(SHIPPED, tmp_path / "policies", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return Folder(tmp_path / "policies")


@pytest.fixture
def bare(tmp_path: Path) -> Folder:
    """Two plants with nothing but what they must have, and no rules yet."""
    folder = Folder(tmp_path)
    folder.write("calendars.toml", '[plain]\nzone = "UTC"\n')
    folder.write(
        "defaults.toml",
        'company_code = "C1"\npurchasing_organization = "O1"\ncalendar = "plain"\noffice = "plain"\n',
    )
    folder.write("plants/P1.toml", "")
    folder.write("plants/P2.toml", 'company_code = "C2"\n')
    return folder
