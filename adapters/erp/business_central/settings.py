"""The options of a Business Central system, validated.

Decided here: where our reference stands, since the standard API has no place for it. `description2` needs nothing
installed: every line carries it. `page` also writes Your_Reference of the header, by an OData page that is published as
a web service. `extension` uses the API pages of a small extension (docs/systems.md), which can also release and reopen.
"""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from adapters.dialects import Connection, OptionError
from canonical.units import known_unit

ReferenceIn = Literal["description2", "page", "extension"]

OPTIONS: Mapping[str, str] = {
    "company": "the company's id, a GUID (GET api/v2.0/companies names it)",
    "company_name": "the company's name, for reference_in = page",
    "reference_in": "description2 (of every line, the default), page (Your_Reference) or extension",
    "page": "the web service of the purchase order page, for reference_in = page; purchaseOrders if left out",
    "extension": "publisher/group/version of the extension's API pages, such as pegline/purchasing/v1.0",
    "reference_field": "the extension's field of our reference; externalReference if left out",
    "locations": "location codes by plant where they differ, such as 1710=MAIN,1720=EAST; 1720= for no location",
    "units": "units where the international standard code is not set, such as H87=PCS,KGM=KG",
    "notify_at": "the address by which Business Central reaches /v1/systems/NAME/notifications; if left out: none",
    "at_once": "calls under way together, 1 to 5; 5 if left out",
}
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_API = re.compile(r"[A-Za-z0-9_]+/[A-Za-z0-9_]+/v?[A-Za-z0-9_.]+")


class CentralSettings(NamedTuple):
    """What a system's options say."""

    company: str
    company_name: str = ""
    reference_in: ReferenceIn = "description2"
    page: str = "purchaseOrders"
    extension: str = ""
    """The path of the extension's API pages, `api/...`; empty: there are none."""
    reference_field: str = "externalReference"
    locations: Mapping[str, str] = {}
    units: Mapping[str, str] = {}
    """Business Central's codes by UN/ECE code."""
    at_once: int = 5
    notify_at: str = ""
    """Where it is to notify of changes; empty: it is asked for them."""

    def location(self, plant: str) -> str:
        """The location code of a plant; empty: lines name none."""
        return self.locations.get(plant, plant)


def read_settings(connection: Connection) -> CentralSettings:
    """The settings of a system. Raises OptionError."""
    options = connection.own_options(OPTIONS)

    def wrong(name: str) -> OptionError:
        return OptionError(name, options.get(name, ""), OPTIONS[name])

    company = options.get("company", "")
    if not _GUID.fullmatch(company):
        raise wrong("company")
    reference_in = options.get("reference_in", "description2")
    extension = options.get("extension", "")
    if extension and not _API.fullmatch(extension):
        raise wrong("extension")
    if reference_in == "extension" and not extension:
        raise wrong("extension")
    if reference_in == "page" and not options.get("company_name"):
        raise wrong("company_name")
    if reference_in not in ("description2", "page", "extension"):
        raise wrong("reference_in")
    at_once = options.get("at_once", "5")
    if at_once not in ("1", "2", "3", "4", "5"):
        raise wrong("at_once")
    units = _pairs(options, "units", wrong("units"))
    if any(known_unit(code) is None for code in units):
        raise wrong("units")
    return CentralSettings(
        company=company,
        company_name=options.get("company_name", ""),
        reference_in=reference_in,  # type: ignore[arg-type]  # one of the three, as tested above
        page=options.get("page", "purchaseOrders"),
        extension=f"api/{extension}" if extension else "",
        reference_field=options.get("reference_field", "externalReference"),
        locations=_pairs(options, "locations", wrong("locations")),
        units=units,
        at_once=int(at_once),
        notify_at=options.get("notify_at", ""),
    )


def _pairs(options: Mapping[str, str], name: str, wrong: OptionError) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in filter(None, (each.strip() for each in options.get(name, "").split(","))):
        ours, equals, theirs = pair.partition("=")
        if not equals or not ours.strip():
            raise wrong
        pairs[ours.strip()] = theirs.strip()
    return pairs
