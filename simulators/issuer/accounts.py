"""Whom the issuer knows: people, and programs that log in by themselves. Each person has one role of the demo.

Roles are named as a company would name them, and not all as Pegline does: a purchasing manager is its `manager`.
"""

from pydantic import BaseModel, ConfigDict


class Account(BaseModel):
    """A person, or a program."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str
    name: str
    roles: tuple[str, ...]
    plants: tuple[str, ...] = ()
    email: str = ""

    def claims(self) -> dict[str, object]:
        """What tokens say of it, beside its roles and plants."""
        described = {"sub": self.subject, "name": self.name, "preferred_username": self.subject}
        return described | ({"email": self.email, "email_verified": True} if self.email else {})


class Program(Account):
    """A program with its own log-on."""

    secret: str
    redirect_uris: tuple[str, ...] = ()
    """Where people who log in to it may return to; none: nobody logs in to it."""
    logout_uri: str = ""
    """Where it wants to hear that a log-in has ended."""


PLANTS = ("1710", "1720", "1730")


def _person(subject: str, name: str, role: str, plants: tuple[str, ...] = PLANTS) -> Account:
    return Account(subject=subject, name=name, roles=(role,), plants=plants, email=f"{subject}@factory.example")


PEOPLE = (
    _person("anna.buyer", "Anna Arens", "buyer"),
    _person("bob.buyer", "Bob Brandt", "buyer", ("1710",)),
    _person("paul.planner", "Paul Petersen", "planner"),
    _person("mia.manager", "Mia Mertens", "purchasing-manager"),
    _person("otto.operator", "Otto Olsen", "operator", ("*",)),
)
COUNTERPARTS = Program(
    subject="counterparts", name="Counterparts", roles=("system",), plants=("*",), secret="counterparts-secret"
)
"""The simulated counterparts themselves, when they send to the gateway."""


def gateway_client(gateway_url: str) -> Program:
    """The gateway as the issuer knows it."""
    returns = (f"{gateway_url}/login/callback", f"{gateway_url}/login/ended")
    return Program(
        subject="pegline",
        name="Pegline",
        roles=(),
        secret="pegline-secret",
        redirect_uris=returns,
        logout_uri=f"{gateway_url}/login/back-channel",
    )
