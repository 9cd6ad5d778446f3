"""The landscape file on disk: TOML, with the line in which each table begins.

Decided here: that a fault names file, line, key, value and what is allowed; that all are reported at once; and that no
secret's value is quoted. Not here: whether the whole fits together (landscape.snapshot).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from landscape.model import Channel, ModeAt, Owner, System
from policies.reading import read_file, shown

_HEADER = re.compile(r"^\s*\[(\[?)\s*([A-Za-z0-9_.\"-]+)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*\"?([A-Za-z0-9_-]+)\"?\s*[.=]")
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,39}$")
_SECRETIVE = ("password", "token", "client_secret")
_TABLES = "the file has [systems.<name>], [[owner]], [[channel]] and [[mode]]"

Table = TypeVar("Table", bound=BaseModel)


class LandscapeError(Exception):
    """The landscape can't be used; a line for each fault: file, line, key, value and what is allowed."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Place:
    """Where something is written."""

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path} line {self.line}" if self.line else self.path


@dataclass(frozen=True)
class LandscapeFile:
    """The tables of a file, each with its place."""

    place: Place
    systems: Mapping[str, tuple[System, Place]]
    owners: tuple[tuple[Owner, Place], ...] = ()
    channels: tuple[tuple[Channel, Place], ...] = ()
    modes: tuple[tuple[ModeAt, Place], ...] = ()


def read_landscape(path: Path) -> LandscapeFile:
    """The tables of the file. Raises LandscapeError with every fault of them."""
    file = read_file(path)
    if file.fault:
        raise LandscapeError([file.fault])
    lines = _Lines(path)
    faults = [
        f"{lines.of(key)}: {key} = {shown(value)}: no such key; {_TABLES}"
        for key, value in file.table.items()
        if key not in ("systems", "owner", "channel", "mode")
    ]
    systems: dict[str, tuple[System, Place]] = {}
    tables = file.table.get("systems", {})
    if not isinstance(tables, dict):
        raise LandscapeError([*faults, f"{path}: systems must be tables, [systems.<name>] each"])
    for name, table in tables.items():
        header = f"systems.{name}"
        if not _NAME.match(name):
            faults.append(f"{lines.of(header)}: {header}: a name is of up to 40 small letters, digits and dashes")
        found, wrong = _checked(System, table, header, lines, 0)
        faults += wrong
        if found is not None:
            systems[name] = found, lines.of(header)
    owners, wrong = _listed(Owner, file.table, "owner", lines)
    channels, more = _listed(Channel, file.table, "channel", lines)
    modes, last = _listed(ModeAt, file.table, "mode", lines)
    faults += [*wrong, *more, *last]
    if faults:
        raise LandscapeError(faults)
    return LandscapeFile(Place(str(path)), systems, owners, channels, modes)


def _listed(
    model: type[Table], whole: Mapping[str, Any], header: str, lines: "_Lines"
) -> tuple[tuple[tuple[Table, Place], ...], list[str]]:
    tables = whole.get(header, [])
    if not isinstance(tables, list):
        return (), [f"{lines.of(header)}: write [[{header}]], with two brackets"]
    found: list[tuple[Table, Place]] = []
    faults: list[str] = []
    for number, table in enumerate(tables):
        one, wrong = _checked(model, table, header, lines, number)
        faults += wrong
        if one is not None:
            found.append((one, lines.of(header, number)))
    return tuple(found), faults


def _checked(
    model: type[Table], table: object, header: str, lines: "_Lines", number: int
) -> tuple[Table | None, list[str]]:
    try:
        return model.model_validate(table), []
    except ValidationError as refused:
        return None, list(_in_words(model, refused, header, lines, number))


def _in_words(
    model: type[BaseModel], refused: ValidationError, header: str, lines: "_Lines", number: int
) -> Iterator[str]:
    for error in refused.errors(include_url=False):
        where = [str(part) for part in error["loc"] if not _is_tag(part)]
        key = ".".join([header, *where])
        place = lines.of(header, number, where[0] if where else "")
        if error["type"] == "extra_forbidden":
            keys = ", ".join(_keys(model)) if len(where) == 1 else "those of docs/landscape.md"
            yield f"{place}: {key}: no such key; there are {keys}"
        elif error["type"] == "missing":
            yield f"{place}: {key} is missing"
        else:
            secret = any(part in _SECRETIVE for part in where)
            value = "" if secret or isinstance(error["input"], dict) else f" = {shown(error['input'])}"
            yield f"{place}: {key}{value}: {error['msg']}"


def _is_tag(part: object) -> bool:
    """Pydantic names the member of a union as well."""
    return isinstance(part, str) and part in ("basic", "bearer", "oauth2", "none", "time", "datetime")


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


class _Lines:
    """The line of each table, and of each key in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: dict[tuple[str, int], int] = {}
        self._keys: dict[tuple[str, int, str], int] = {}
        counted: dict[str, int] = {}
        header, number = "", 0
        for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if found := _HEADER.match(text):
                header = found.group(2).replace('"', "")
                number = counted.get(header, 0)
                counted[header] = number + 1
                self._tables.setdefault((header, number), line)
            elif found := _KEY.match(text):
                self._keys.setdefault((header, number, found.group(1)), line)

    def of(self, header: str, number: int = 0, key: str = "") -> Place:
        """Where the key is; else the table's beginning."""
        line = self._keys.get((header, number, key)) or self._keys.get(("", 0, header))
        inner = self._tables.get((f"{header}.{key}", 0))
        return Place(str(self._path), line or inner or self._tables.get((header, number), 0))


__all__ = ["LandscapeError", "LandscapeFile", "Place", "read_landscape"]
