"""Who calls: access tokens, sessions and what becomes of those that do not hold."""

import datetime as dt
import time
from typing import Any

import jwt
import pytest

from gateway.access.access import Access, CallRates
from gateway.access.issuer import Issuer, TokenRefused
from gateway.access.principal import CallerRole
from gateway.access.rates import Buckets, Rate
from gateway.access.rules import AccessRules, ClaimsRefused
from ledger.people.sessions import SessionLimits
from tests.gateway.access import GATEWAY, ISSUER, RULES, Guarded, IssuerInProcess
from tests.gateway.fakes import problem

READS_HTML = {"accept": "text/html,application/xhtml+xml"}


async def test_a_program_without_a_token_is_refused_and_told_how_to_get_in(guarded: Guarded) -> None:
    answer = await guarded.nobody().get("/v1/requirements")
    problem(answer, 401, "not_logged_in")
    assert answer.headers["www-authenticate"] == 'Bearer realm="pegline"'


async def test_a_browser_without_a_session_goes_to_the_log_in_and_comes_back(guarded: Guarded) -> None:
    answer = await guarded.nobody(**READS_HTML).get("/inbox?plant=P1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Finbox%3Fplant%3DP1"
    form = await guarded.nobody(**READS_HTML).post("/inbox", data={"why": "late"})
    assert (form.status_code, "still in the form" in form.text) == (401, True)
    part = await guarded.nobody(**READS_HTML, **{"hx-request": "true"}).get("/inbox")
    assert (part.status_code, part.headers["hx-refresh"]) == (401, "true")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/login", "/login/ended"])
async def test_some_pages_are_open_to_everybody(guarded: Guarded, path: str) -> None:
    assert (await guarded.nobody(**READS_HTML).get(path)).status_code in (200, 503)


async def test_without_an_issuer_everybody_on_this_machine_is_let_in(guarded: Guarded) -> None:
    # The same ledger behind a gateway that asks nobody.
    from tests.gateway.conftest import serving

    async with serving(guarded.gateway.ledger) as open_gateway:
        assert (await open_gateway.client.get("/v1/requirements")).status_code == 200
        problem(await open_gateway.client.get("/login"), 404, "no_issuer")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exp": 1}, "expired"),
        ({"exp": None}, "exp"),
        ({"aud": "another-api"}, "not meant for pegline"),
        ({"aud": None}, "aud"),
        ({"iss": "http://other"}, "issuer"),
        ({"nbf": 4_000_000_000}, "not yet valid"),
        ({"iat": 4_000_000_000}, "not yet valid"),
        ({"sub": None}, "sub"),
        ({"sub": "a b"}, "subject"),
        ({"sub": "x" * 81}, "subject"),
        ({"typ": "ID"}, "not an access token"),
        ({"at_hash": "abc"}, "not an access token"),
    ],
)
async def test_a_token_that_is_not_for_this_gateway_now_is_refused(
    guarded: Guarded, issuer: IssuerInProcess, changes: dict[str, Any], said: str
) -> None:
    token = issuer.token(issuer.account("buyer", ["P1"]), **changes)
    answer = await guarded.nobody(authorization=f"Bearer {token}").get("/v1/requirements")
    assert said in problem(answer, 401, "not_logged_in")["detail"]
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def _forged(issuer: IssuerInProcess) -> dict[str, str]:
    genuine = issuer.token(issuer.account("manager", ["*"]))
    claims = jwt.decode(genuine, options={"verify_signature": False})
    header, payload, signature = genuine.split(".")
    stranger = IssuerInProcess()
    key_id = jwt.get_unverified_header(genuine)["kid"]
    public = jwt.PyJWK(issuer.books.tokens.published()["keys"][0])
    return {
        "unsigned": jwt.encode(claims, "", "none"),
        "with a shared secret": jwt.encode(claims, "s" * 32, "HS256", headers={"kid": key_id}),
        "with our public key as the secret": jwt.encode(
            claims, str(public.key.public_numbers().n).encode(), "HS256", headers={"kid": key_id}
        ),
        "another's key under its name": jwt.encode(
            claims, stranger.books.tokens._keys[0][1], "RS256", headers={"kid": key_id}
        ),
        "an unknown key": stranger.token(stranger.account("manager", ["*"])),
        "cut": f"{header}.{payload}.",
        "changed": f"{header}.{payload[:-4]}AAAA.{signature}",
        "no token": "abc",
        "too long": "a" * 20_000,
    }


async def test_a_forged_token_is_refused(guarded: Guarded, issuer: IssuerInProcess) -> None:
    for what, token in _forged(issuer).items():
        answer = await guarded.nobody(authorization=f"Bearer {token}").get("/v1/requirements")
        assert answer.status_code == 401, what


class _Counting:
    """Stands in for the issuer's address; counts how often its keys are read."""

    def __init__(self, issuer: IssuerInProcess) -> None:
        import httpx

        self.reads = 0
        self.down = False
        inner = httpx.ASGITransport(issuer.app)

        async def answer(request: httpx.Request) -> httpx.Response:
            if self.down:
                raise httpx.ConnectError("nobody there")
            self.reads += request.url.path.endswith("/jwks")
            return await inner.handle_async_request(request)

        self.http = httpx.AsyncClient(transport=httpx.MockTransport(answer))


async def test_a_new_key_of_the_issuer_is_taken_and_invented_ones_are_not_looked_for_again_and_again() -> None:
    made, clock = IssuerInProcess(), [0.0]
    counting = _Counting(made)
    issuer = Issuer(ISSUER, counting.http, clock=lambda: clock[0])
    account = made.account("buyer", ["P1"])
    await issuer.access_token(made.token(account), "pegline")
    stranger = IssuerInProcess()
    for _ in range(20):
        with pytest.raises(TokenRefused):
            await issuer.access_token(stranger.token(account), "pegline")
    assert counting.reads == 1
    made.books.tokens.rotate()
    clock[0] += 31
    await issuer.access_token(made.token(account), "pegline")
    assert counting.reads == 2
    # An issuer that is away for an hour does not log anybody out whose token still holds.
    counting.down = True
    clock[0] += 3_600
    await issuer.access_token(made.token(account), "pegline")
    # A key that the issuer has taken back counts no more once its keys are read again.
    taken_back = made.token(account)
    made.books.tokens.rotate(keep=False)
    counting.down = False
    clock[0] += 601
    with pytest.raises(TokenRefused):
        await issuer.access_token(taken_back, "pegline")


async def test_while_the_issuer_is_away_the_gateway_says_so(guarded: Guarded, issuer: IssuerInProcess) -> None:
    counting = _Counting(issuer)
    counting.down = True
    guarded.access.issuer = Issuer(ISSUER, counting.http)
    problem(await guarded.program("buyer").get("/v1/requirements"), 503, "issuer_unreachable")
    problem(await guarded.nobody().get("/login/start"), 503, "issuer_unreachable")


async def test_a_discovery_document_of_another_issuer_is_not_believed(issuer: IssuerInProcess) -> None:
    from gateway.access.issuer import IssuerUnreachable

    other = Issuer(f"{ISSUER}/realms/other", issuer.http())
    with pytest.raises(IssuerUnreachable):
        await other.metadata()


def test_roles_and_plants_are_read_where_an_administrator_says() -> None:
    keycloak = AccessRules(
        ISSUER,
        "pegline",
        "s",
        GATEWAY,
        plant_claim="groups",
        plant_prefix="plant-",
        roles={"purchasing": CallerRole.BUYER, "purchasing-head": CallerRole.MANAGER},
    )
    who = keycloak.principal(
        {
            "sub": "f3",
            "preferred_username": "anna",
            "realm_access": {"roles": ["purchasing", "offline_access"]},
            "groups": ["/plant-1710", "/plant-1720", "/staff"],
        }
    )
    assert (who.name, set(who.roles), set(who.plants or ())) == ("anna", {CallerRole.BUYER}, {"1710", "1720"})
    assert {"purchasing", "staff"} <= who.offices
    by_client = AccessRules(ISSUER, "p", "s", GATEWAY, role_claims=("resource_access.pegline.roles", "https://x/y.z"))
    claims = {"resource_access": {"pegline": {"roles": ["buyer"]}}, "https://x/y.z": "planner manager"}
    assert by_client.principal({"sub": "a", **claims}).roles == {
        CallerRole.BUYER,
        CallerRole.PLANNER,
        CallerRole.MANAGER,
    }


@pytest.mark.parametrize(
    ("plants", "seen"),
    [(None, frozenset()), ([], frozenset()), (["*"], None), ("1710, 1720", {"1710", "1720"}), (7, frozenset())],
)
def test_without_a_word_on_plants_a_caller_has_none(plants: object, seen: object) -> None:
    assert RULES.principal({"sub": "a", "roles": ["buyer"], "plants": plants}).plants == seen


def test_claims_without_a_person_name_nobody() -> None:
    for claims in ({}, {"sub": ""}, {"sub": 7}, {"sub": "anna\n"}):
        with pytest.raises(ClaimsRefused):
            RULES.principal(claims)


async def test_a_session_ends_unused_and_at_last_in_any_case(guarded: Guarded) -> None:
    now = [dt.datetime.now(dt.UTC)]
    guarded.access.now = lambda: now[0]
    guarded.access.rules = AccessRules(
        **{**vars(RULES), "limits": SessionLimits(dt.timedelta(minutes=30), dt.timedelta(hours=2))}
    )
    anna, bob = await guarded.browser("buyer", "P1"), await guarded.browser("buyer", "P2")
    for _ in range(4):
        now[0] += dt.timedelta(minutes=25)
        assert (await anna.get("/v1/requirements")).status_code == 200
    assert (await bob.get("/inbox")).status_code == 303
    now[0] += dt.timedelta(minutes=25)
    assert (await anna.get("/inbox")).status_code == 303


async def test_a_session_is_kept_by_its_digest_alone(guarded: Guarded) -> None:
    from sqlalchemy import text

    anna = await guarded.browser("buyer", "P1")
    (session,) = [cookie.value for cookie in anna.cookies.jar]
    async with guarded.gateway.ledger.people._engine.connect() as connection:
        (row,) = (await connection.execute(text("SELECT session::text AS kept FROM session"))).all()
    assert session is not None
    assert session not in row.kept
    assert session.encode().hex() not in row.kept


async def test_a_call_with_the_cookie_of_a_session_changes_nothing_without_the_sessions_token(guarded: Guarded) -> None:
    anna = await guarded.browser("operator")
    problem(await anna.post("/v1/dead-letters/x/replay"), 403, "stale_form")
    wrong = {"x-csrf-token": "0" * 64}
    problem(await anna.post("/v1/dead-letters/x/replay", headers=wrong), 403, "stale_form")
    own = {"x-csrf-token": anna.csrf_token}
    problem(await anna.post("/v1/dead-letters/x/replay", headers=own), 404, "not_found")
    foreign = own | {"sec-fetch-site": "cross-site"}
    problem(await anna.post("/v1/dead-letters/x/replay", headers=foreign), 403, "foreign_origin")


def test_who_calls_too_often_waits_and_others_do_not() -> None:
    clock = [0.0]
    buckets, rate = Buckets(lambda: clock[0]), Rate(2, 4)
    assert [buckets.take("anna", rate) for _ in range(5)] == [0, 0, 0, 0, 1]
    assert buckets.take("bob", rate) == 0
    clock[0] += 1
    assert [buckets.take("anna", rate) for _ in range(3)] == [0, 0, 1]


async def test_a_caller_beyond_the_rate_is_told_when_to_come_back(guarded: Guarded, issuer: IssuerInProcess) -> None:
    slow = CallRates(Rate(1, 2), Rate(1, 2), Rate(1, 2))
    guarded.access._rates = slow
    anna = guarded.program("buyer")
    answers = [await anna.get("/v1/requirements") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "1"
    problem(answers[2], 429, "too_many_requests")
    guesses = [await guarded.nobody(authorization="Bearer x").get("/v1/requirements") for _ in range(3)]
    assert [answer.status_code for answer in guesses] == [401, 401, 429]
    assert (await guarded.nobody().get("/healthz")).status_code == 200


def test_times_are_the_machines() -> None:
    # The story of a demo plays on another day; its tokens do not.
    made = (Access.__init__.__kwdefaults__ or {})["now"]()
    assert abs(made.timestamp() - time.time()) < 5
