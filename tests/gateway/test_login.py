"""Log-in and log-out with the issuer, as a browser goes through them."""

import asyncio
import datetime as dt
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from gateway.access.login import local_path
from gateway.access.principal import CallerRole
from simulators.issuer.accounts import Account, gateway_client
from simulators.issuer.tokens import TokenMaker
from tests.gateway.access import GATEWAY, RULES, Caller, Guarded, IssuerInProcess
from tests.gateway.fakes import problem

READS_HTML = {"accept": "text/html,application/xhtml+xml"}


async def _asked(browser: Caller, following: str = "/inbox") -> dict[str, str]:
    """What the gateway asks the issuer for."""
    began = await browser.get("/login/start", params={"next": following})
    assert began.status_code == 303
    return {name: values[0] for name, values in parse_qs(urlsplit(began.headers["location"]).query).items()}


async def _answered(issuer: IssuerInProcess, asked: dict[str, str], subject: str) -> str:
    """The address to which the issuer sends the browser back."""
    async with issuer.http() as http:
        page = await http.get("/authorize", params=asked)
        assert subject in page.text
        answer = await http.post("/authorize", data={**asked, "subject": subject})
        return answer.headers["location"].removeprefix(GATEWAY)


@pytest.fixture
def anna(issuer: IssuerInProcess) -> Account:
    account = issuer.account("buyer", ["P1"], "anna")
    issuer.books.people["anna"] = account
    return account


async def _log_in(
    guarded: Guarded, issuer: IssuerInProcess, following: str = "/inbox"
) -> tuple[Caller, httpx.Response]:
    browser = guarded.nobody(**READS_HTML)
    return browser, await browser.get(await _answered(issuer, await _asked(browser, following), "anna"))


@pytest.mark.usefixtures("anna")
async def test_a_person_logs_in_and_returns_to_the_page_asked_for(guarded: Guarded, issuer: IssuerInProcess) -> None:
    browser, answer = await _log_in(guarded, issuer, "/inbox?plant=P1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox?plant=P1")
    cookie = next(each for each in answer.headers.get_list("set-cookie") if each.startswith("pegline-session="))
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    assert (await browser.get("/v1/requirements")).status_code == 200
    assert await guarded.gateway.ledger.people.names(["anna"]) == {"anna": "Anna"}


@pytest.mark.usefixtures("anna")
async def test_behind_https_the_cookie_is_bound_to_host_and_protocol(guarded: Guarded, issuer: IssuerInProcess) -> None:
    guarded.access.rules = type(RULES)(**{**vars(RULES), "gateway_url": "https://pegline.example"})
    browser = guarded.nobody(**READS_HTML)
    began = await browser.get("/login/start")
    [cookie] = began.headers.get_list("set-cookie")
    assert re.match(r"__Host-pegline-login-\w+=", cookie)
    assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert guarded.access.session_cookie == "__Host-pegline"


@pytest.mark.usefixtures("anna")
async def test_a_session_gets_a_new_id_at_the_log_in_and_ends_at_the_log_out(
    guarded: Guarded, issuer: IssuerInProcess
) -> None:
    browser, _ = await _log_in(guarded, issuer)
    former = browser.cookies["pegline-session"]
    await browser.get(await _answered(issuer, await _asked(browser), "anna"))
    session = browser.cookies["pegline-session"]
    assert session != former
    assert await guarded.access.by_session(former) is None
    who = await guarded.access.by_session(session)
    assert who is not None
    assert (await browser.post("/logout", data={"csrf_token": "guessed"})).status_code == 403
    left = await browser.post("/logout", data={"csrf_token": who.csrf_token})
    target = left.headers["refresh"].partition("url=")[2]
    assert target.startswith("http://issuer/logout?id_token_hint=")
    assert await guarded.access.by_session(session) is None
    async with issuer.http() as http:
        back = await http.get(target)
    assert back.headers["location"] == f"{GATEWAY}/login/ended"
    browser.cookies.set("pegline-session", session)
    assert (await browser.get("/inbox")).headers["location"].startswith("/login")


def _clocked(guarded: Guarded) -> list[dt.timedelta]:
    """Moves the gateway's clock: the entries are added up."""
    moved: list[dt.timedelta] = []
    guarded.access.now = lambda: dt.datetime.now(dt.UTC) + sum(moved, dt.timedelta())
    return moved


async def test_roles_that_are_withdrawn_are_gone_within_a_minute(
    guarded: Guarded, issuer: IssuerInProcess, anna: Account
) -> None:
    moved = _clocked(guarded)
    browser, _ = await _log_in(guarded, issuer)
    session = browser.cookies["pegline-session"]
    issuer.books.people["anna"] = anna.model_copy(update={"roles": ("planner",), "plants": ("P2",)})
    as_known = await guarded.access.by_session(session)
    assert as_known is not None
    assert (set(as_known.roles), as_known.plants) == ({CallerRole.BUYER}, frozenset({"P1"}))

    moved.append(dt.timedelta(seconds=61))
    # A page's requests come at once, and a refresh token is good for one use.
    found = await asyncio.gather(*(guarded.access.by_session(session) for _ in range(5)))
    assert None not in found
    now = await guarded.access.by_session(session)
    assert now is not None
    assert (set(now.roles), now.plants) == ({CallerRole.PLANNER}, frozenset({"P2"}))
    assert [each["grant"] for each in issuer.books.granted[-2:]] == ["authorization_code", "refresh_token"]

    issuer.books.people["anna"] = anna.model_copy(update={"roles": ()})
    moved.append(dt.timedelta(seconds=61))
    ended = await browser.post("/questions/x/decision", data={"csrf_token": now.csrf_token})
    assert ended.status_code == 401, "without a role there is no session"


@pytest.mark.usefixtures("anna")
async def test_while_the_issuer_is_away_a_session_reads_on_and_after_a_while_changes_nothing(
    guarded: Guarded, issuer: IssuerInProcess
) -> None:
    moved = _clocked(guarded)
    browser, _ = await _log_in(guarded, issuer)
    who = await guarded.access.by_session(browser.cookies["pegline-session"])
    assert who is not None

    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    issuer_is_there, form = guarded.access.http, {"csrf_token": who.csrf_token}
    async with httpx.AsyncClient(transport=httpx.MockTransport(away)) as http:
        guarded.access.http = http
        moved.append(dt.timedelta(minutes=2))
        assert (await browser.post("/questions/x/decision", data=form)).status_code == 404
        moved.append(dt.timedelta(minutes=14))
        assert (await browser.get("/inbox")).status_code == 200
        assert (await browser.post("/questions/x/decision", data=form)).status_code == 503
    guarded.access.http = issuer_is_there
    moved.append(dt.timedelta(minutes=2))
    assert (await browser.post("/questions/x/decision", data=form)).status_code == 404


@pytest.mark.usefixtures("anna")
async def test_the_issuer_ends_sessions_by_its_own_logout_tokens_alone(
    guarded: Guarded, issuer: IssuerInProcess
) -> None:
    browser, _ = await _log_in(guarded, issuer)
    other, _ = await _log_in(guarded, issuer)
    session, tokens = browser.cookies["pegline-session"], issuer.books.tokens
    kept = await guarded.gateway.ledger.sessions.find(session, dt.datetime.now(dt.UTC), RULES.limits)
    assert kept is not None
    assert kept.issuer_session
    assert kept.refresh_token not in issuer.books._refreshing, "it is sealed"
    client, machine = gateway_client(GATEWAY), guarded.nobody()

    def ending(**changes: object) -> dict[str, str]:
        return {"logout_token": tokens.logout_token(client, "anna", kept.issuer_session, **changes)}

    for refused in (
        {"events": None},
        {"nonce": "n"},
        {"aud": "another"},
        {"iat": 1_000_000_000},
        {"sub": None, "sid": None},
    ):
        problem(await machine.post("/login/back-channel", data=ending(**refused)), 400, "invalid_logout_token")
    forged = {"logout_token": TokenMaker(RULES.issuer).logout_token(client, "anna", kept.issuer_session)}
    problem(await machine.post("/login/back-channel", data=forged), 400, "invalid_logout_token")
    assert await guarded.access.by_session(session) is not None

    assert (await machine.post("/login/back-channel", data=ending())).status_code == 200
    assert await guarded.access.by_session(session) is None
    assert await guarded.access.by_session(other.cookies["pegline-session"]) is not None, "another browser's"
    assert (await machine.post("/login/back-channel", data=ending(sid=None))).status_code == 200
    assert await guarded.access.by_session(other.cookies["pegline-session"]) is None


@pytest.mark.usefixtures("anna")
async def test_an_answer_counts_once_and_only_in_the_browser_that_asked(
    guarded: Guarded, issuer: IssuerInProcess
) -> None:
    browser, other = guarded.nobody(), guarded.nobody()
    back = await _answered(issuer, await _asked(browser), "anna")
    problem(await other.get(back), 400, "log_in_failed")
    cookies = dict(browser.cookies)
    assert (await browser.get(back)).status_code == 303
    for name, value in cookies.items():
        browser.cookies.set(name, value)
    problem(await browser.get(back), 400, "log_in_failed")  # the code has been used


async def test_state_nonce_issuer_and_verifier_are_held_against_the_answer(
    guarded: Guarded, issuer: IssuerInProcess, anna: Account
) -> None:
    browser = guarded.nobody()
    asked = await _asked(browser)
    assert asked["code_challenge_method"] == "S256"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    back = await _answered(issuer, asked, "anna")
    query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    for changed in ({"state": "x" * 32}, {"iss": "http://other"}, {"code": ""}, {"error": "access_denied"}):
        answer = await browser.get(f"/login/callback?{urlencode(query | changed)}")
        problem(answer, 400, "log_in_failed")
    # A code that was given for another PKCE challenge, or comes with another nonce.
    for changed in ({"code_challenge": "A" * 43}, {"nonce": "another"}):
        asked = await _asked(browser)
        problem(await browser.get(await _answered(issuer, asked | changed, "anna")), 400, "log_in_failed")


async def test_who_has_no_role_is_told_so_and_gets_no_session(guarded: Guarded, issuer: IssuerInProcess) -> None:
    issuer.books.people["gus"] = issuer.account("guest", ["P1"], "gus")
    browser = guarded.nobody()
    answer = await browser.get(await _answered(issuer, await _asked(browser), "gus"))
    assert "Gus has no role" in problem(answer, 403, "no_role")["detail"]
    assert "pegline-session" not in browser.cookies


async def test_the_log_in_page_goes_on_by_itself_and_by_a_link(guarded: Guarded) -> None:
    page = await guarded.nobody(**READS_HTML).get("/login", params={"next": "/orders?q=1"})
    assert page.headers["refresh"] == "0; url=/login/start?next=%2Forders%3Fq%3D1"
    assert 'href="/login/start?next=%2Forders%3Fq%3D1"' in page.text
    already = await (await guarded.browser("buyer")).get("/login", params={"next": "/orders"})
    assert (already.status_code, already.headers["location"]) == (303, "/orders")


@pytest.mark.parametrize(
    "given",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/a\\b",
        "javascript:alert(1)",
        "",
        "inbox",
        "/a\nb",
    ],
)
def test_only_a_page_of_ours_is_returned_to(given: str) -> None:
    assert local_path(given) == "/"
    assert local_path("/questions/x?y=%20z") == "/questions/x?y=%20z"
    assert local_path("/login?next=/") == "/"
    assert local_path("/logout") == "/"
