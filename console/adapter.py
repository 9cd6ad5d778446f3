"""`cli.py adapter new erp NAME`: lays out the package of an adapter of your own, beside Pegline.

The files are those of skeletons/erp with another name: they are linted and checked with Pegline's own. They
run at once, and say in their errors what is still to be written. How to go on from there: docs/adapters.md.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.dialects import Dialects
from canonical.landscape import SystemKind

PEGLINE = Path(__file__).parents[1]
_SKELETON = PEGLINE / "skeletons" / "erp"
_MODULES = "skeletons.erp."
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_NAME_MAX = 40


class NotLaidOut(Exception):
    """Why nothing was laid out, and what to do."""


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the `adapter` command and its arguments."""
    adapter = commands.add_parser("adapter", help="adapters of your own, as packages beside Pegline")
    new = adapter.add_subparsers(dest="question", required=True).add_parser("new", help="lay out a package")
    new.add_argument("kind", choices=["erp"], help="the kind of system")
    new.add_argument("name", help="the dialect's name in the landscape: small letters, digits and dashes")
    new.add_argument("--into", type=Path, default=Path(".."), help="the folder in which to lay it out (default: ..)")


def run(given: argparse.Namespace) -> int:
    """Lay it out; returns 2 where the name can't be used or something is in the way."""
    try:
        package = lay_out(given.name, given.into)
    except NotLaidOut as why:
        print(why, file=sys.stderr)
        return 2
    print(f"{package} is laid out; next:\n  cd {package}\n  python -m pytest -q -x")
    return 0


def lay_out(name: str, into: Path) -> Path:
    """Write the package `pegline-NAME` into a folder; its path. Raises NotLaidOut, with nothing written."""
    _check_name(name)
    package = into / f"pegline-{name}"
    if not _SKELETON.is_dir():
        raise NotLaidOut(f"{_SKELETON} is not there; run it in a checkout of Pegline, which has the conformance suite")
    if not into.is_dir():
        raise NotLaidOut(f"{into} is no folder; make it, or name another one (--into)")
    if package.exists():
        raise NotLaidOut(f"{package} is there already; choose another name or folder (--into), or delete it")
    pegline = os.path.relpath(_pegline(), package)
    try:
        for source in _files():
            target = package / _renamed(str(source.relative_to(_SKELETON)), name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_renamed(source.read_text(), name).replace('"PEGLINE"', f'"{Path(pegline).as_posix()}"'))
    except OSError as error:
        raise NotLaidOut(f"{package} can't be written: {error}") from error
    return package


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _NAME_MAX:
        raise NotLaidOut(
            f"{name!r} can't be a dialect's name; use small letters, digits and single dashes, a letter first, "
            f"{_NAME_MAX} characters at most, such as acme or acme-classic"
        )
    if name in Dialects().names(SystemKind.ERP):
        raise NotLaidOut(f"there is an ERP dialect {name} already; choose another name")


def _pegline() -> Path:
    """Pegline's folder as its user names it, where that is the present one."""
    here = Path.cwd()
    return here if (here / "cli.py").exists() and (here / "cli.py").samefile(PEGLINE / "cli.py") else PEGLINE


def _files() -> Iterator[Path]:
    for path in sorted(_SKELETON.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            yield path


def _renamed(text: str, name: str) -> str:
    """The skeleton's text with this name in place of acme."""
    plain = name.replace("-", "_")
    text = text.replace(f"{_MODULES}tests.", "").replace(_MODULES, "")
    text = text.replace("pegline_acme", f"pegline_{plain}").replace("acme_", f"{plain}_")
    return text.replace("Acme", "".join(part.capitalize() for part in name.split("-"))).replace("acme", name)


__all__ = ["NotLaidOut", "add_to", "lay_out", "run"]
