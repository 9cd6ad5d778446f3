"""Mails, handed to a real SMTP server."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.errors import PermanentError, TransientError
from adapters.mail.smtp import MailServer, Security, SmtpMail, message_of
from adapters.ports import Mail

PASSWORD = "correct horse"
MAIL = Mail(
    to=("anna@example.com", "gone@example.com"),
    subject="To decide: 20 pieces of Ölfilter short\r\nBcc: all@example.com",
    text="Open the question: https://pegline.example.com/questions/q1\n",
    html="<p>Ölfilter</p>",
    message_id="msg_1.buyers",
    list_name="buyers",
)


class Postbox:
    """What arrived; some recipients are refused."""

    def __init__(self) -> None:
        self.arrived: list[tuple[list[str], EmailMessage]] = []
        self.refusals: dict[str, str] = {}
        self.answer = "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            found = message_from_bytes(envelope.content, policy=default)
            assert isinstance(found, EmailMessage)
            self.arrived.append((envelope.rcpt_tos, found))
        return self.answer


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of a server on 127.0.0.1, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("mail") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
async def starttls(postbox: Postbox, certificate: Path) -> AsyncIterator[MailServer]:
    """A server that wants TLS and a log-in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def check(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        known = isinstance(given, LoginPassword) and given.password == PASSWORD.encode()
        return AuthResult(success=known, handled=False)

    wants = {"require_starttls": True, "tls_context": context, "auth_required": True, "authenticator": check}
    async with served(postbox, **wants) as port:
        yield MailServer(
            "127.0.0.1",
            port,
            Security.STARTTLS,
            "pegline@example.com",
            user="pegline",
            password=PASSWORD,
            authorities=str(certificate),
            timeout_seconds=5,
        )


@pytest.fixture
async def plain(postbox: Postbox) -> AsyncIterator[MailServer]:
    """A relay within the house."""
    async with served(postbox) as port:
        yield MailServer("127.0.0.1", port, Security.NONE, "pegline@example.com", timeout_seconds=5)


@asynccontextmanager
async def served(postbox: Postbox, **wants: Any) -> AsyncIterator[int]:
    """A real SMTP server; gives its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(postbox, hostname="mail", **wants), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_mail_arrives_over_tls_after_a_log_in(starttls: MailServer, postbox: Postbox) -> None:
    assert await SmtpMail(starttls).send(MAIL) == ""
    recipients, message = postbox.arrived[0]
    assert recipients == ["anna@example.com", "gone@example.com"]
    assert message["message-id"] == "<msg_1.buyers@example.com>"
    assert message["list-id"] == "Pegline buyers <buyers.pegline.example.com>"
    assert message["auto-submitted"] == "auto-generated"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert "/questions/q1" in text.get_content()
    assert html is not None
    assert "Ölfilter" in html.get_content()


async def test_a_certificate_of_an_unknown_authority_gets_no_mail(starttls: MailServer, postbox: Postbox) -> None:
    with pytest.raises(TransientError, match="no connection"):
        await SmtpMail(starttls._replace(authorities="")).send(MAIL)
    assert postbox.arrived == []


async def test_a_wrong_password_is_named_and_tried_again_later(starttls: MailServer) -> None:
    with pytest.raises(TransientError, match="the log-in was refused"):
        await SmtpMail(starttls._replace(password="wrong")).send(MAIL)


async def test_a_field_can_t_become_a_header(plain: MailServer, postbox: Postbox) -> None:
    await SmtpMail(plain).send(MAIL)
    _, message = postbox.arrived[0]
    assert message["bcc"] is None
    assert message["subject"] == "To decide: 20 pieces of Ölfilter short Bcc: all@example.com"
    with pytest.raises(ValueError, match=r".+"):
        message_of(MAIL._replace(to=("a@example.com\r\nBcc: b@example.com",)), "p@example.com", dt.datetime.now(dt.UTC))


async def test_a_recipient_who_is_gone_does_not_keep_the_mail_from_the_others(
    plain: MailServer, postbox: Postbox
) -> None:
    postbox.refusals = {"gone@example.com": "550 no such user"}
    assert await SmtpMail(plain).send(MAIL) == "gone@example.com: 550 no such user"
    assert postbox.arrived[0][0] == ["anna@example.com"]


async def test_what_may_pass_is_told_from_what_does_not(plain: MailServer, postbox: Postbox) -> None:
    postbox.refusals = dict.fromkeys(MAIL.to, "451 try later")
    with pytest.raises(TransientError, match="451 try later"):
        await SmtpMail(plain).send(MAIL)
    postbox.refusals = dict.fromkeys(MAIL.to, "550 no such user")
    with pytest.raises(PermanentError, match="no recipient was taken"):
        await SmtpMail(plain).send(MAIL)
    postbox.refusals, postbox.answer = {}, "554 not wanted"
    with pytest.raises(PermanentError, match="554 not wanted"):
        await SmtpMail(plain).send(MAIL)


async def test_a_server_that_is_not_there_may_come_back(plain: MailServer) -> None:
    with pytest.raises(TransientError, match=r"no connection to 127\.0\.0\.1:1 "):
        await SmtpMail(plain._replace(port=1)).send(MAIL)
