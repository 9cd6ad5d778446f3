"""SAP CAP with SAP's own metadata: installs it by the lock, imports EDMX files, and writes the project it serves.

`python -m tools.cap_peer` makes sure that CAP is there. SAP's metadata have no licence, so they are not part of this
repository: the tests that need them name a directory in PEGLINE_SAP_EDMX, and are skipped without.
Decided here: what of an import is changed so that CAP can serve it. Not here: which requests it is asked to answer.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from settings import ToolSettings, environment_for_child

LOCK = Path(__file__).with_name("cap")
"""What is installed: package.json and its lock, with hashes."""
SERVICES: Mapping[str, str] = {
    "CE_PURCHASEORDER_0001": "api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001",
    "CE_PURCHASEREQUISITION_0001": "api_purchaserequisition_2/srvd_a2x/sap/purchaserequisition/0001",
    "CE_PRODUCT_0002": "api_product/srvd_a2x/sap/product/0002",
}
"""By the EDMX file's name, where SAP's system serves it."""
ROOT = "/sap/opu/odata4/sap"
_SECONDS = 300
_ENTITY = re.compile(r"^  entity (\w+) \{(.*?)^  \};?", re.MULTILINE | re.DOTALL)
_KEY = re.compile(r"^    key (\w+) :", re.MULTILINE)
_TO_ONE = re.compile(r"(\w+) : Association to one (\w+)[^;]*;")
_AMOUNT = re.compile(r'<Property Name="(\w+)"[^>]*Scale="variable"')
_SERVED = {
    "name": "pegline-cap-served",
    "private": True,
    "cds": {
        "requires": {
            "db": {"kind": "sqlite", "driver": "sql.js", "credentials": {"url": ":memory:"}},
            "auth": {"kind": "dummy"},
        }
    },
}


class NoCap(Exception):
    """CAP can't be had; the message says why."""


def installed(settings: ToolSettings) -> Path:
    """The directory with CAP's packages, installed by the lock where they are not there yet. Raises NoCap."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NoCap("node and npm are not on the PATH")
    lock = (LOCK / "package-lock.json").read_bytes()
    place = settings.cache_directory / f"cap-{hashlib.sha256(lock).hexdigest()[:12]}"
    if (place / "complete").exists():
        return place
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCK / name, place / name)
    # No scripts: the one package with a native part is not needed, since SQLite runs as WebAssembly.
    _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional"], place)
    (place / "complete").touch()
    return place


def served(cap: Path, edmx: Path, project: Path) -> Path:
    """The project that serves the services of the EDMX files, made new in `project`. Raises NoCap."""
    (project / "srv").mkdir(parents=True)
    (project / "package.json").write_text(json.dumps(_SERVED))
    shutil.copy(LOCK / "server.js", project / "server.js")
    (project / "node_modules").symlink_to(cap / "node_modules")
    imported = project / "imported"
    imported.mkdir()
    (imported / "package.json").write_text('{"name": "imported", "private": true}')
    for name, path in SERVICES.items():
        source = edmx / f"{name}.edmx"
        if not source.exists():
            raise NoCap(f"there is no {source.name} in {edmx}")
        cds = str(cap / "node_modules/.bin/cds")
        _run([cds, "import", str(source), "--as", "cds", "--out", str(imported / f"{name}.cds")], imported)
        model = next(iter(imported.rglob(f"{name}.cds"))).read_text()
        amounts = frozenset(_AMOUNT.findall(source.read_text()))
        (project / "srv" / f"{name}.cds").write_text(servable(model, name, f"{ROOT}/{path}", amounts))
    return project


def servable(model: str, name: str, path: str, amounts: Collection[str] = ()) -> str:
    """An imported model as one that CAP serves at the path of SAP's system, with every type and restriction as it was.

    Changed: it is no longer external; links to a parent, whose conditions the import takes from the EDMX in part, hold
    all keys; fields but keys may be empty, since SAP fills them and CAP does not; and `amounts`, whose scale the EDMX
    calls variable and the import drops, have two decimals.
    """
    model = re.sub(r"^ *@cds\.(external|persistence\.skip) : true\n", "", model, flags=re.MULTILINE)
    keys = {found[1]: _KEY.findall(found[2]) for found in _ENTITY.finditer(model)}

    def with_all_keys(found: re.Match[str]) -> str:
        navigation, target = found[1], found[2]
        conditions = " and ".join(f"{navigation}.{key} = {key}" for key in keys[target])
        return f"{navigation} : Association to one {target} on {conditions};"

    model = _TO_ONE.sub(with_all_keys, model)
    for amount in amounts:
        model = re.sub(rf"^(    {amount} : Decimal\()precision: (\d+)\)", r"\1\2, 2)", model, flags=re.MULTILINE)
    model = re.sub(r"^(    (?!key )\w.*) not null;", r"\1;", model, flags=re.MULTILINE)
    return re.sub(rf"^service {name} ", f"@path : '{path}'\nservice {name} ", model, flags=re.MULTILINE)


def _run(command: Sequence[str], directory: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment_for_child(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoCap(f"{Path(command[0]).name} {command[1]}: {error}"[:300]) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-300:]
        raise NoCap(f"{Path(command[0]).name} {command[1]} failed: {said}")


def main() -> int:
    """Install it."""
    try:
        cap = installed(ToolSettings.load())
    except NoCap as missing:
        print(f"SAP CAP: {missing}", file=sys.stderr)
        return 1
    print(f"SAP CAP: {cap}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
