"""Layers of policy, merged so that each value can be traced to the file and rule that set it.

Decided here: that the later layer wins, tables key by key, lists and single values whole. Not here: which layers apply
to an item (policies.snapshot).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.reading import Table

WHOLE = frozenset({"quotas"})
"""Tables that replace the one below as a whole: shares make sense only together."""


@dataclass(frozen=True)
class Layer:
    """The values of one file, or of one rule in it."""

    path: Path
    table: Table
    rule: str = ""
    """Which rule of the file; empty: the file as a whole."""

    def __str__(self) -> str:
        return f"{self.path}, {self.rule}" if self.rule else str(self.path)

    def seen_from(self, directory: Path) -> str:
        """The same, with the file's path within the policy directory."""
        name = self.path.relative_to(directory) if self.path.is_relative_to(directory) else self.path
        return f"{name.as_posix()}, {self.rule}" if self.rule else name.as_posix()


def merged(layers: Sequence[Layer]) -> Table:
    """The values of all layers together."""
    table: Table = {}
    for layer in layers:
        table = _over(table, layer.table)
    return table


def _over(below: Table, above: Table) -> Table:
    result = dict(below)
    for key, value in above.items():
        held = result.get(key)
        mix = isinstance(held, dict) and isinstance(value, dict) and key not in WHOLE
        result[key] = _over(held, value) if mix else value  # type: ignore[arg-type]
    return result


def origin(layers: Sequence[Layer], path: Sequence[str | int]) -> Layer | None:
    """The layer that sets the value at the path; None: no layer does."""
    return next((layer for layer in reversed(layers) if _has(layer.table, path)), None)


def blamed(layers: Sequence[Layer], path: Sequence[str | int]) -> Layer:
    """The layer in which to fix a fault at the path: the one that sets it, else the nearest enclosing table."""
    for end in range(len(path), 0, -1):
        if (layer := origin(layers, path[:end])) is not None:
            return layer
    return layers[-1]


def _has(table: Table, path: Sequence[str | int]) -> bool:
    held: Any = table
    for part in path:
        if not isinstance(held, dict):
            return True  # a list or a value: it is replaced whole
        if part not in held:
            return False
        held = held[part]
    return True


def leaves(table: Table, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The keys that a table sets, down to lists, values and tables that hold only as a whole."""
    for key, value in table.items():
        here = (*path, key)
        if isinstance(value, dict) and not (not path and key in WHOLE):
            yield from leaves(value, here)
        else:
            yield here
