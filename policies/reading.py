"""Policy files on disk: TOML tables, and the wording of a fault in one.

Decided here: whether a file can be read at all, and that a fault names file, key, value and what is allowed.
Not here: what the tables mean (policies.rules, policies.calendars, policies.snapshot).
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

Table = dict[str, Any]
LAYERS = ("companies", "plants", "rules")
"""The folders of the layers that have a file for each company, plant or topic."""


class PolicyError(Exception):
    """The policies can't be used; a line for each fault: file, key, value and what is allowed."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class PolicyFile:
    """One file as read; `fault`: why it could not be read."""

    path: Path
    table: Table
    fault: str = ""


@dataclass(frozen=True)
class Stamp:
    """Detects a changed file without reading it."""

    modified_ns: int
    changed_ns: int
    size: int


def stamps(directory: Path) -> dict[Path, Stamp]:
    """The stamp of each policy file and of its folder: a removed file changes its folder."""
    found: dict[Path, Stamp] = {}
    folders = (directory, *(directory / layer for layer in LAYERS))
    for path in (*folders, *directory.glob("*.toml"), *files_below(directory)):
        try:
            stat = path.stat()
        except OSError:
            continue  # not there, or removed while it was looked for: the folder's own stamp tells of it
        found[path] = Stamp(stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size)
    return found


def files_below(directory: Path) -> list[Path]:
    """The files of the layers that have a folder; not those that editors hide beside them."""
    return sorted(path for layer in LAYERS for path in (directory / layer).glob("[!.]*.toml"))


def read_file(path: Path) -> PolicyFile:
    """The file's table; a decimal keeps its digits as they are written."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        return PolicyFile(path, {}, f"{path}: can't be read ({error.strerror}); put the file there")
    except UnicodeDecodeError as error:
        return PolicyFile(path, {}, f"{path}: not valid TOML: {error}")
    try:
        # Decimal from the digits as written: 0.92 read as a float would be 0.92000000000000003…
        return PolicyFile(path, tomllib.loads(text, parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        return PolicyFile(path, {}, f"{path}: not valid TOML: {error}")


def fault(where: object, key: str, value: object, allowed: str) -> str:
    """One fault in a line."""
    return f"{where}: {key} = {shown(value)}: {allowed}"


def shown(value: object) -> str:
    """A value, nearly as written in its file."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown(each) for each in value)}]"
    return repr(value) if isinstance(value, str) else str(value)
