"""TLS with a counterpart: our certificate (mTLS, RFC 8705), whom we trust, and what a refused handshake means.

Decided here: which failure of TLS lasts until a person changes something, and what. Whoever refuses a handshake has
read nothing of the call. Not here: how we log on beside it (adapters.oauth, runtime.landscape).
"""

import datetime as dt
import ssl
from pathlib import Path

from cryptography import x509
from pydantic import SecretStr

_REFUSES_OURS = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_UNKNOWN",
    "UNSUPPORTED_CERTIFICATE",
    "UNKNOWN_CA",
    "ACCESS_DENIED",
    "DECRYPT_ERROR",
    "HANDSHAKE_FAILURE",
)
"""The alerts of RFC 8446, 6.2, that concern our certificate; the last is TLS 1.2's for none at all."""
_EXPIRED, _NOT_YET, _OTHER_NAME = 10, 9, (62, 64)
"""Of OpenSSL's X509_V_ERR_*."""


def refused_handshake(error: BaseException) -> str | None:
    """What an administrator has to change, where `error` comes of a refused certificate, ours or theirs; else None."""
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None or isinstance(cause, ssl.SSLError):
            break
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message}); {_step(cause.verify_code)}"
    reason = str(getattr(cause, "reason", None) or "")
    if "ALERT" in reason and reason.endswith(_REFUSES_OURS):
        said = reason.lower().replace("_", " ")
        return (
            f"it refuses our certificate, or the want of one ({said}); have it trust the certificate that "
            "`tls` names in the landscape, or name one there that it trusts and that has not expired"
        )
    return None


def _step(code: int) -> str:
    if code == _EXPIRED:
        return "have it renewed there"
    if code == _NOT_YET:
        return "compare the clocks of both sides"
    if code in _OTHER_NAME:
        return "call it by an address that its certificate names"
    return "name whoever signed it as `authority` of `tls` in the landscape"


def client_tls(
    certificate: Path | None = None,
    key: Path | None = None,
    *,
    passphrase: SecretStr | None = None,
    authority: Path | None = None,
    machine_too: bool = False,
) -> ssl.SSLContext:
    """TLS with a client certificate (PEM, with its chain), or without one.

    `authority`: who signed the counterpart's certificate, instead of those whom this machine trusts (`machine_too`:
    beside them). Raises ValueError naming the file that can't be used, never the passphrase.
    """
    if authority is not None:
        _readable("authority", authority)
    try:
        context = ssl.create_default_context(cafile=str(authority) if authority else None)
    except (OSError, ssl.SSLError):
        raise ValueError(f"tls.authority: {authority} is no certificate in PEM") from None
    if machine_too:
        context.load_default_certs()
    if certificate is not None and key is not None:
        _readable("certificate", certificate)
        _readable("key", key)
        _present(context, certificate, key, passphrase)
    return context


def ends(certificate: Path) -> dt.datetime:
    """The end of a certificate in PEM. Raises ValueError, or OSError where it can't be read."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc


def _readable(what: str, path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise ValueError(f"tls.{what}: {path} can't be read: {error.strerror or type(error).__name__}") from None


def _present(context: ssl.SSLContext, certificate: Path, key: Path, passphrase: SecretStr | None) -> None:
    asked = False

    def word() -> str:
        # Without a passphrase OpenSSL would ask at the terminal; an empty one makes it fail instead.
        nonlocal asked
        asked = True
        return passphrase.get_secret_value() if passphrase else ""

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificate)
    except (OSError, ssl.SSLError):
        raise ValueError(f"tls.certificate: {certificate} is no certificate in PEM") from None
    try:
        context.load_cert_chain(certificate, key, password=word)
    except (OSError, ssl.SSLError, ValueError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            why = f"{key} is not the key of {certificate}"
        elif asked and passphrase is None:
            why = f"{key} is encrypted; name its password as tls.password"
        elif asked:
            why = f"{key} can't be opened with tls.password"
        else:
            why = f"{key} is no private key in PEM"
        raise ValueError(f"tls.key: {why}") from None


__all__ = ["client_tls", "ends", "refused_handshake"]
