"""The nouns of a landscape file: systems, owners, channels and modes, each as it is written.

Decided here: which keys there are and what each may hold. Not here: whether the whole fits together
(landscape.snapshot), and how a system is reached.
"""

import datetime as dt
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from canonical.base import Code, Label
from canonical.landscape import CALLED, SENDING, Domain, Mode, SystemKind, SystemName

Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$", max_length=500)]
Seconds = Annotated[float, Field(gt=0, le=3_600)]
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES = "one of our own, such as Europe/Berlin or UTC"


class LandscapeTable(BaseModel):
    """A table of the file: no other keys than these."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Secret(LandscapeTable):
    """Where a secret is: in a variable of the environment, or in a file beside the landscape's or of its own."""

    env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    file: Annotated[str, Field(min_length=1, max_length=500)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise PydanticCustomError("secret", 'name either {{ env = "VARIABLE" }} or {{ file = "path" }}')
        return self


def _by_reference(value: Any) -> Any:
    if isinstance(value, str):
        raise PydanticCustomError("secret", "a secret does not stand in the file; write env or file")
    return value


SecretReference = Annotated[Secret, BeforeValidator(_by_reference)]


class NoLogOn(LandscapeTable):
    """The system asks for none."""

    method: Literal["none"] = "none"


class Basic(LandscapeTable):
    """User and password with each call."""

    method: Literal["basic"]
    user: Annotated[str, Field(min_length=1, max_length=200)]
    password: SecretReference


class Bearer(LandscapeTable):
    """A token or key with each call."""

    method: Literal["bearer"]
    token: SecretReference


class OAuthClient(LandscapeTable):
    """OAuth 2: a token of its own for a client."""

    method: Literal["oauth2"]
    token_url: Url
    client_id: Annotated[str, Field(min_length=1, max_length=200)]
    client_secret: SecretReference | None = None
    """None: the client certificate says who asks."""
    scope: Annotated[str, Field(max_length=1_000)] = ""
    secret_in: Literal["header", "body"] = "header"
    """Where the token endpoint takes the secret."""
    more: dict[str, str] = {}
    """Further fields of its request, such as `resource` or `audience`."""


LogOn = Annotated[NoLogOn | Basic | Bearer | OAuthClient, Field(discriminator="method")]


class Certificate(LandscapeTable):
    """How TLS knows the two sides: our certificate with its key (mTLS), whom we trust, or both; beside any log-on."""

    certificate: Annotated[str, Field(max_length=500)] = ""
    """A file in PEM, with its chain."""
    key: Annotated[str, Field(max_length=500)] = ""
    authority: Annotated[str, Field(max_length=500)] = ""
    """Who signed the counterpart's certificate, a file in PEM; empty: whom the machine trusts."""
    password: SecretReference | None = None
    """Of the key."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.certificate) != bool(self.key) or not (self.certificate or self.authority):
            raise PydanticCustomError("tls", "name certificate and key, or authority, or all three")
        if self.password is not None and not self.key:
            raise PydanticCustomError("tls", "password is the key's; name certificate and key")
        return self


class Window(LandscapeTable):
    """A time in which a system is not called: every week on some days, or once.

    `from` and `to` are times of day for a weekly window, which ends the next day where `to` is not after `from`; local
    dates with times for a single one. Both in `zone`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    days: Annotated[tuple[str, ...], Field(min_length=1, max_length=7)] | None = None
    start: dt.time | dt.datetime = Field(alias="from")
    end: dt.time | dt.datetime = Field(alias="to")
    zone: str

    @field_validator("start", "end", mode="before")
    @classmethod
    def _moment(cls, value: Any) -> Any:
        if isinstance(value, str):
            try:
                return dt.time.fromisoformat(value)
            except ValueError:
                raise PydanticCustomError("moment", "write a time such as 02:00, or a day with one") from None
        return value

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise PydanticCustomError("zone", "must be a time zone: {names}", {"names": _NAMES}) from None
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        weekly = self.days is not None
        if weekly and (strange := sorted(set(self.days or ()) - set(_DAYS))):
            allowed = {"day": strange[0], "days": ", ".join(_DAYS)}
            raise PydanticCustomError("days", "{day} is no day; there are {days}", allowed)
        for value in (self.start, self.end):
            if isinstance(value, dt.datetime) is weekly or getattr(value, "tzinfo", None) is not None:
                what = (
                    "times of day, such as 02:00" if weekly else "local dates with times, such as 2026-12-24T18:00:00"
                )
                raise PydanticCustomError("moment", "from and to must be {what}", {"what": what})
        if isinstance(self.start, dt.datetime) and isinstance(self.end, dt.datetime) and self.start >= self.end:
            raise PydanticCustomError("moment", "to must be after from")
        return self

    def until(self, now: dt.datetime) -> dt.datetime | None:
        """The end of the window that `now` lies in, in its zone; None: it lies in none."""
        zone = ZoneInfo(self.zone)
        if isinstance(self.start, dt.datetime) and isinstance(self.end, dt.datetime):
            return self._within(self.start.replace(tzinfo=zone), self.end.replace(tzinfo=zone), now)
        assert isinstance(self.start, dt.time)
        assert isinstance(self.end, dt.time)
        today = now.astimezone(zone).date()
        for day in (today - dt.timedelta(days=1), today):
            if _DAYS[day.weekday()] in (self.days or ()):
                last = day if self.start < self.end else day + dt.timedelta(days=1)
                begins = dt.datetime.combine(day, self.start, zone)
                found = self._within(begins, dt.datetime.combine(last, self.end, zone), now)
                if found is not None:
                    return found
        return None

    @staticmethod
    def _within(start: dt.datetime, end: dt.datetime, now: dt.datetime) -> dt.datetime | None:
        return end if start <= now < end else None


class System(LandscapeTable):
    """One system: `[systems.<name>]`."""

    kind: SystemKind
    dialect: Annotated[str, Field(max_length=60)] = ""
    """How it is spoken to; empty: it only sends."""
    address: Url | None = None
    log_on: LogOn = NoLogOn()
    tls: Certificate | None = None
    rate: Annotated[float, Field(gt=0, le=100_000)] = 50.0
    """Calls a second, over all workers."""
    at_once: Annotated[int, Field(ge=1, le=500)] = 20
    """Calls of one worker at the same time."""
    timeout_seconds: Seconds = 10.0
    settle_seconds: Seconds = 5.0
    second_create_seconds: Seconds = 60.0
    maintenance: Annotated[tuple[Window, ...], Field(max_length=50)] = ()
    options: dict[str, str] = {}
    """The dialect's own."""
    mapping: dict[str, dict[str, str]] = {}
    """Tables of the system's codes and fields, each with ours, as its dialect has them."""
    sources: Annotated[tuple[Label, ...], Field(max_length=50)] = ()
    """The sources of the events that it sends, * for any end."""
    mode: Mode = "live"

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.dialect and self.address is None and self.kind not in SENDING:
            raise PydanticCustomError("address", "a system with a dialect needs an address")
        if self.kind in (SystemKind.ERP, SystemKind.SUPPLIER, SystemKind.PLANNING) and not self.dialect:
            raise PydanticCustomError("dialect", "a system of this kind needs a dialect")
        return self

    def maintained_until(self, now: dt.datetime) -> dt.datetime | None:
        """The end of the maintenance that is on at this moment; None: none is."""
        ends = [end for window in self.maintenance if (end := window.until(now)) is not None]
        return max(ends, default=None)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Codes = Annotated[tuple[Code, ...], BeforeValidator(_listed), Field(max_length=10_000)]
"""A code or several; none: any."""


class Owner(LandscapeTable):
    """`[[owner]]`: which system owns domains at plants."""

    system: SystemName
    domains: Annotated[tuple[Domain, ...], BeforeValidator(_listed), Field(min_length=1)]
    plant: Codes = ()


class Channel(LandscapeTable):
    """`[[channel]]`: by which channel suppliers are reached, and what is particular to them there."""

    system: SystemName
    supplier: Codes = ()
    plant: Codes = ()
    address: Annotated[str, Field(max_length=35)] = ""
    """Their interchange address; empty: as the policy has it."""
    directory: Annotated[str, Field(pattern=r"^((9[3-9]|0[0-9]|1[0-9]|2[0-3])[AB])?$")] = ""
    """The EDIFACT directory of documents to them; empty: as the policy has it."""


class ModeAt(LandscapeTable):
    """`[[mode]]`: whether Pegline writes, or only observes, at plants and for item classes."""

    mode: Mode
    plant: Codes = ()
    item_class: Codes = ()


__all__ = [
    "CALLED",
    "Basic",
    "Bearer",
    "Certificate",
    "Channel",
    "LogOn",
    "ModeAt",
    "NoLogOn",
    "OAuthClient",
    "Owner",
    "Secret",
    "System",
    "Window",
]
