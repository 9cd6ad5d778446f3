"""A landscape says who owns what at a plant; a fault names file, line, key, value and what is allowed."""

import datetime as dt
import re
from pathlib import Path

import pytest

from canonical.landscape import Domain, Systems, Unowned
from canonical.policy import RouteKind
from landscape.book import LandscapeBook
from landscape.model import Window
from landscape.reading import LandscapeError, read_landscape
from landscape.snapshot import Landscape

DOCUMENTED = re.search(r"```toml\n(.*?)```", Path("docs/landscape.md").read_text(), re.DOTALL)
assert DOCUMENTED is not None
EXAMPLE = DOCUMENTED.group(1)


def written(folder: Path, text: str = EXAMPLE) -> Path:
    path = folder / "landscape.toml"
    path.write_text(text)
    return path


def landscape(folder: Path, text: str = EXAMPLE) -> Landscape:
    return Landscape(read_landscape(written(folder, text)))


def test_the_most_specific_row_says_who_owns_what(tmp_path: Path) -> None:
    found = landscape(tmp_path)
    assert [found.owner(Domain.ORDERS, plant) for plant in ("1000", "3000")] == ["sap-north", "sap-south"]
    assert [found.owner(Domain.GOODS_RECEIPT, plant) for plant in ("1000", "3000")] == ["sap-north", "wms-south"]
    assert found.senders(Domain.GOODS_RECEIPT, "3000") == ("/wms/south",)
    assert found.senders(Domain.SHIPMENT, "3000") is None, "the policy says it"
    assert found.systems_of("3100", "V-200", RouteKind.DIRECT) == Systems(
        erp="sap-south", channel="edi", planning="aps", landscape=found.version
    )
    special = found.channel("1000", "V-200")
    assert special is not None
    assert (special.address, special.directory) == ("4012345000016", "01B")


def test_a_plant_without_an_owner_is_told_what_to_add(tmp_path: Path) -> None:
    found = landscape(tmp_path, EXAMPLE.replace('domains = ["coverage", ', "domains = ["))
    unowned = found.systems_of("1000", "V-100", RouteKind.DIRECT)
    assert isinstance(unowned, Unowned)
    assert "no system owns coverage at plant 1000; add an [[owner]] with domains" in str(unowned)
    silent = landscape(
        tmp_path, EXAMPLE.replace("[[channel]]                             # by", "[[channel]]\nsupplier = 'V-1' # by")
    )
    assert isinstance(silent.systems_of("1000", "V-300", RouteKind.DIRECT), Unowned)
    assert isinstance(silent.systems_of("1000", "V-300", RouteKind.TRANSFER), Systems), "a plant of ours needs none"


@pytest.mark.parametrize(
    ("instead_of", "written_is", "fault"),
    [
        ("rate = 100 ", "rate = 0 ", r"line 6: systems.sap-north.rate = 0: Input should be greater than 0"),
        ("at_once = 20 ", "at_one = 20 ", r"line 7: systems.sap-north.at_one: no such key; there are kind, dialect"),
        (
            '{ env = "EDI_TOKEN" }',
            '"abc123"',
            r"line 26: systems.edi.log_on.token: a secret does not stand in the file",
        ),
        ('days = ["sun"]', 'days = ["sunday"]', r"sunday is no day; there are mon, tue"),
        ('zone = "Europe/Berlin" },\n    { from', 'zone = "Berlin" },\n    { from', r"must be a time zone"),
        ('system = "wms-south"', 'system = "wms"', r"system = 'wms': no such system; there are aps, edi, sap-north"),
        (
            '"order_document"]\nplant',
            '"coverage"]\nplant',
            r"sap-south is of kind erp; coverage needs an owner of kind pl",
        ),
        (
            'plant = ["3000", "3100"]\n\n[[owner]]\nsystem = "wms',
            '\n[[owner]]\nsystem = "wms',
            r"orders, all is also given at",
        ),
        ("[[mode]]", "[[modes]]", r"modes = .*: no such key; the file has"),
        ('address = "https://aps.example/aps"\n', "", r"a system with a dialect needs an address"),
        ("[systems.aps]", "[systems.APS]", r"systems.APS: a name is of up to 40 small letters"),
    ],
)
def test_a_fault_names_line_and_key(tmp_path: Path, instead_of: str, written_is: str, fault: str) -> None:
    assert instead_of in EXAMPLE
    with pytest.raises(LandscapeError, match=fault) as refused:
        landscape(tmp_path, EXAMPLE.replace(instead_of, written_is, 1))
    assert "abc123" not in str(refused.value)


def test_the_version_is_what_is_said_and_not_how(tmp_path: Path) -> None:
    one = landscape(tmp_path)
    assert landscape(tmp_path, "# a remark\n" + EXAMPLE).version == one.version
    assert landscape(tmp_path, EXAMPLE.replace("rate = 100", "rate = 101")).version != one.version


def test_it_explains_by_which_line(tmp_path: Path) -> None:
    rows = {row.what: row for row in landscape(tmp_path).explain("3000", supplier="V-200")}
    assert rows["orders"].answer == "sap-south (erp by sap-v2)"
    assert rows["orders"].place.endswith("landscape.toml line 43")
    assert rows["shipment"].answer == "as the plant's policy says (ownership)"
    assert rows["supplier V-200"].answer == "edi (supplier by edifact), address 4012345000016, 01B"
    assert rows["mode"].answer == "live"


def test_observing_is_said_for_a_system_a_plant_or_a_class(tmp_path: Path) -> None:
    more = '[[mode]]\nmode = "observe"\n\n[[mode]]\nmode = "live"\nplant = "1000"\nitem_class = "C"\n'
    found = landscape(tmp_path, EXAMPLE.replace('directory = "01B"\n', f'directory = "01B"\n\n{more}'))
    assert [found.mode("1000"), found.mode("1000", "C"), found.mode("3000")] == ["observe", "live", "live"]
    observed = landscape(
        tmp_path, EXAMPLE.replace('sources = ["/sap/south"]', 'sources = ["/sap/south"]\nmode = "observe"')
    )
    assert observed.mode("3000", system="sap-south") == "observe"


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-29T01:30+00:00", "06:00"),  # a Sunday in winter: 02:30 in Berlin
        ("2026-11-29T05:00+00:00", ""),
        ("2026-07-05T00:30+00:00", "06:00"),  # in summer, 02:30 as well
        ("2026-11-28T02:00+00:00", ""),
    ],
)
def test_a_weekly_window_is_of_its_zone(now: str, until: str) -> None:
    window = Window.model_validate({"days": ["sun"], "from": "02:00", "to": "06:00", "zone": "Europe/Berlin"})
    end = window.until(dt.datetime.fromisoformat(now))
    assert (f"{end:%H:%M}" if end else "") == until


def test_a_window_over_midnight_ends_the_next_day() -> None:
    window = Window.model_validate({"days": ["sat"], "from": "22:00", "to": "04:00", "zone": "UTC"})
    assert window.until(dt.datetime(2026, 11, 29, 3, 59, tzinfo=dt.UTC)) == dt.datetime(2026, 11, 29, 4, tzinfo=dt.UTC)
    assert window.until(dt.datetime(2026, 11, 28, 3, 59, tzinfo=dt.UTC)) is None


def test_a_change_holds_at_once_and_a_faulty_one_not_at_all(tmp_path: Path) -> None:
    seconds = iter(range(0, 1_000, 2))
    path = written(tmp_path)
    now = dt.datetime(2026, 12, 25, 12, tzinfo=dt.UTC)
    book = LandscapeBook(path, now=lambda: now, clock=lambda: next(seconds), check=lambda found: [])
    [notice] = book.maintenance()
    assert (notice.system, notice.until) == ("sap-north", "2026-12-26 06:00 (Europe/Berlin)")
    version = book.present.version
    path.write_text(EXAMPLE.replace('plant = ["3000", "3100"]', 'plant = ["3000", "3100", "3200"]'))
    assert book.present.version != version
    assert book.present.owner(Domain.ORDERS, "3200") == "sap-south"
    path.write_text("[systems.x]\nkind = 'erp'\n")
    assert book.present.owner(Domain.ORDERS, "3200") == "sap-south"
    assert "a system of this kind needs a dialect" in book.faults[0]
