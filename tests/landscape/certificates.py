"""A certificate authority of the tests, and an HTTPS server that demands a certificate of it."""

import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


class Authority:
    """Signs certificates; `certificate` is the file of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(self._signed(self._name, self._key.public_key(), authority=True))

    def issue(self, name: str, *, days: int = 30, password: str = "") -> tuple[Path, Path]:
        """A certificate and its key, both in PEM; `days` below zero: it expired that long ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            hidden = serialization.BestAvailableEncryption(password.encode())
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        files[0].write_bytes(self._signed(subject, key.public_key(), days=days))
        form, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        files[1].write_bytes(key.private_bytes(form, kind, hidden))
        return files

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, days: int = 30, authority: bool = False
    ) -> bytes:
        until = dt.datetime.now(dt.UTC) + days * DAY
        local = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - 90 * DAY)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(local, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)


@dataclass
class Guarded:
    """A server behind TLS: its address, and the subjects of the certificates whose calls it answered."""

    address: str
    served: list[str]


@contextmanager
def guarded(certificate: tuple[Path, Path], trusted: Authority | None) -> Iterator[Guarded]:
    """Answers every POST with a token; of clients without a certificate of `trusted` none is read (None: of all)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if trusted is not None:
        context.load_verify_locations(trusted.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    served: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
            try:
                self.request.do_handshake()
            except ssl.SSLError:
                # As servers close: what is still coming is read, or its sender would see a reset and no alert.
                plain = socket.socket(fileno=self.request.detach())
                plain.settimeout(2)
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(10_000):
                    pass
                plain.close()
                raise
            super().setup()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            shown: Any = self.request.getpeercert() or {}
            served.append(dict(each[0] for each in shown.get("subject", ())).get("commonName", ""))
            body = b'{"access_token": "t"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A handshake that fails is what the tests are about."""

    with Quiet(("127.0.0.1", 0), Answering) as server:
        serving = Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield Guarded(f"https://127.0.0.1:{server.server_port}", served)
        finally:
            server.shutdown()
            serving.join()
