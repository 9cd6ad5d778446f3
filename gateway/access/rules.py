"""Who a token speaks of: roles and plants from the claims that an administrator names.

Decided here: what counts as a role, a plant and a name in a set of claims. Not here: whether the claims are genuine
(gateway.access.issuer), and what a role may do (gateway.access.principal).
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.access.principal import CallerRole, Principal
from ledger.people.sessions import SessionLimits

ALL_PLANTS = "*"
_SUBJECT = re.compile(r"[\x21-\x7e]{1,80}")
_NAME_LENGTH_MAX = 120


class ClaimsRefused(Exception):
    """The claims name nobody that Pegline can know; the message says why."""


@dataclass(frozen=True)
class AccessRules:
    """The issuer that is trusted, and how its tokens are read."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    gateway_url: str
    """The address by which browsers reach the gateway, without a slash at its end."""
    audience: str = "pegline"
    """What an access token has to be meant for."""
    scopes: str = "openid profile email"
    role_claims: tuple[str, ...] = ("realm_access.roles", "roles", "groups")
    """Paths in the claims, with dots between names; all that are there count."""
    plant_claim: str = "plants"
    plant_prefix: str = ""
    """Where plants stand among other values: only those with this beginning are plants."""
    roles: Mapping[str, CallerRole] = field(default_factory=lambda: {str(role): role for role in CallerRole})
    """Pegline's role by the issuer's name of it."""
    roles_kept: dt.timedelta = dt.timedelta(minutes=1)
    """How long a session's roles and plants hold before the issuer is asked for them again."""
    roles_trusted: dt.timedelta = dt.timedelta(minutes=15)
    """How long they hold for changes while the issuer can't be asked."""
    limits: SessionLimits = field(default_factory=lambda: SessionLimits(dt.timedelta(hours=1), dt.timedelta(hours=12)))

    @property
    def secure(self) -> bool:
        """Whether browsers reach the gateway by HTTPS, so that cookies may be bound to that."""
        return self.gateway_url.startswith("https://")

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """Who the claims speak of. Raises ClaimsRefused."""
        subject = claims.get("sub")
        if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
            raise ClaimsRefused("its subject (sub) is not 1 to 80 printable characters")
        offices = self._offices(claims)
        client = _text(claims, "azp") or _text(claims, "client_id")
        user = _text(claims, "preferred_username")
        email = _text(claims, "email")
        return Principal(
            subject=subject,
            name=_text(claims, "name") or user or client or subject,
            roles=frozenset(role for name, role in self.roles.items() if name.strip("/") in offices),
            plants=self._plants(claims),
            email=email,
            offices=offices,
            known_as=frozenset(each for each in (user, email, _text(claims, "name")) if each),
            client=client,
        )

    def _offices(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """Role and group names; Keycloak writes the path of a group, with a slash before it."""
        found = (name for path in self.role_claims for name in _values(_at(claims, path)))
        return frozenset(name.strip("/") for name in found)

    def _plants(self, claims: Mapping[str, Any]) -> frozenset[str] | None:
        """None: all of them. Without the claim there are none."""
        stated = [name.strip("/") for name in _values(_at(claims, self.plant_claim))]
        plants = {name.removeprefix(self.plant_prefix) for name in stated if name.startswith(self.plant_prefix)}
        return None if ALL_PLANTS in plants else frozenset(plants - {""})


def _at(claims: Mapping[str, Any], path: str) -> object:
    """The value of a claim by its name, which may hold dots, or by its path."""
    if path in claims:
        return claims[path]
    found: object = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _values(found: object) -> Iterator[str]:
    """A list's texts, or the words of a text."""
    if isinstance(found, str):
        yield from found.replace(",", " ").split()
    elif isinstance(found, list):
        yield from (each for each in found if isinstance(each, str))


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    return found.strip()[:_NAME_LENGTH_MAX] if isinstance(found, str) and found.isprintable() else ""


__all__ = ["ALL_PLANTS", "AccessRules", "ClaimsRefused"]
