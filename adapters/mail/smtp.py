"""Mails by SMTP.

Decided here: the form of a mail (headers, parts), and which failure may pass. Bounces go to the sender's mailbox and
are not read here.
"""

import datetime as dt
import re
from collections.abc import Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum
from typing import NamedTuple

import aiosmtplib

from adapters.errors import PermanentError, TransientError
from adapters.ports import Mail

SYSTEM = "mail"
_SUBJECT_MAX = 200
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\u0080-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class Security(StrEnum):
    """How the connection to the mail server is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


class MailServer(NamedTuple):
    """The mail server and how to log in."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: str = ""
    timeout_seconds: float = 20.0
    authorities: str = ""
    """A file with the authorities that the server's certificate is checked by; empty: the machine's."""


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class SmtpMail:
    """Implements adapters.ports.MailPort; a connection a mail, since mails are few."""

    def __init__(self, server: MailServer, now: Callable[[], dt.datetime] = _utc_now) -> None:
        self._server, self._now = server, now

    async def send(self, mail: Mail) -> str:
        """Hand it to the server."""
        server = self._server
        try:
            refused, _ = await aiosmtplib.send(
                message_of(mail, server.sender, self._now()),
                sender=server.sender,
                recipients=list(mail.to),
                hostname=server.host,
                port=server.port,
                use_tls=server.security is Security.TLS,
                start_tls=server.security is Security.STARTTLS,
                username=server.user or None,
                password=server.password or None,
                cert_bundle=server.authorities or None,
                # The default asks a name server for this machine's name, and waits for it.
                local_hostname=server.sender.rpartition("@")[2],
                timeout=server.timeout_seconds,
            )
        except aiosmtplib.SMTPAuthenticationError as error:
            raise TransientError(SYSTEM, f"the log-in was refused: {_said(error)}; check user and password") from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [each.code for each in error.recipients]
            raise _failure("no recipient was taken", error.recipients[0], min(codes, default=550)) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _failure("the mail was not taken", error, error.code) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise TransientError(SYSTEM, f"no connection to {server.host}:{server.port} ({_said(error)})") from error
        return "; ".join(f"{each}: {answer.code} {_line(answer.message)}" for each, answer in sorted(refused.items()))


def message_of(mail: Mail, sender: str, at: dt.datetime) -> EmailMessage:
    """The mail with its headers; what lies in the fields can't become a header of its own."""
    domain = sender.rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["From"] = Address("Pegline", addr_spec=sender)
    message["To"] = [Address(addr_spec=each) for each in mail.to]
    message["Subject"] = _line(mail.subject)[:_SUBJECT_MAX]
    message["Date"] = format_datetime(at.astimezone(dt.UTC))
    message["Message-ID"] = f"<{mail.message_id}@{domain}>"
    message["List-Id"] = f"Pegline {mail.list_name} <{mail.list_name}.pegline.{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"  # Exchange answers automatic mails otherwise
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _failure(what: str, error: Exception, code: int) -> TransientError | PermanentError:
    """RFC 5321: 4xx may pass, 5xx does not."""
    detail = f"{what}: {code} {_said(error)}"
    return PermanentError(SYSTEM, detail) if code >= 500 else TransientError(SYSTEM, detail)


def _said(error: Exception) -> str:
    return _line(str(getattr(error, "message", "") or error) or type(error).__name__)[:300]


def _line(text: str) -> str:
    """On one line, without characters that can't be seen."""
    return " ".join(_UNSEEN.sub(" ", text).split())
