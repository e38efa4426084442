"""Services that wrap keys, on loopback over TLS: the transit engine of Vault and OpenBao, and AWS KMS, as documented.

Both really encrypt (AES-256-GCM), bind what they are told to bind, refuse what the real ones refuse with the same status and
body, and count what they are asked.  They can be told to be sealed, to refuse, to hang up, and to go away and come back.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import ssl
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import Any, ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.servers.certificates import Authority

TOKEN = "hvs.a-token-that-no-log-may-hold"


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust the certificate hangs up; that is its right."""


class KeyService:
    """What both have in common; subclasses answer."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        """What was asked for, in order."""
        self.fault: tuple[int, dict[str, Any]] | None = None
        """What every request is answered with while it is set."""
        self.drips = False
        """Whether it answers a byte at a time, without end."""
        self.has_begun_to_drip = Event()
        self.key = secrets.token_bytes(32)
        authority = Authority(folder, f"Key CA {secrets.token_hex(4)}")
        self.ca_file = authority.ca_file
        self._pair = authority.issue(
            f"key-service-{secrets.token_hex(4)}", names=["localhost"], addresses=["127.0.0.1"]
        )
        self.port = 0
        self.start()

    @property
    def host(self) -> str:
        """Where it is."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin, or begin again at the same port."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if service.drips:
                    return self._drip()
                status, answer = service.fault or service.answer(self.path, dict(self.headers), body)
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", service.media_type)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
                return None

            def _drip(self) -> None:
                service.has_begun_to_drip.set()
                self.close_connection = True
                with suppress(OSError):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drops: ")
                    while service.drips:
                        self.wfile.write(b".")
                        sleep(0.05)  # between the drops

            do_PUT = do_POST

            def log_message(self, form: str, /, *arguments: Any) -> None:
                """Quiet."""

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._pair.certificate, self._pair.key)
        self._server = _QuietServer(("127.0.0.1", self.port), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Go away: connections are refused."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    media_type: ClassVar[str] = "application/json"

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and body for one request."""
        raise NotImplementedError

    def seal(self, plain: bytes, bound: bytes) -> bytes:
        """Under the service's own key."""
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self.key).encrypt(nonce, plain, bound)

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """The way back; raises InvalidTag."""
        return AESGCM(self.key).decrypt(sealed[:12], sealed[12:], bound)


class Vault(KeyService):
    """The transit engine at ``transit/`` with the key ``tpi``."""

    SEALED: ClassVar[tuple[int, dict[str, Any]]] = (503, {"errors": ["Vault is sealed"]})

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        found = re.fullmatch(r"/v1/transit/(encrypt|decrypt)/(\w+)", path)
        if headers.get("X-Vault-Token") != TOKEN:
            return 403, {"errors": ["permission denied"]}
        if found is None:
            return 404, {"errors": ["no handler for route"]}
        if found[2] != "tpi":
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        self.asked.append(found[1])
        try:
            given = json.loads(body)
            return 200, {"request_id": "r", "lease_id": "", "data": self._data(found[1], given)}
        except (InvalidTag, KeyError, ValueError):
            return 400, {"errors": ["cipher: message authentication failed"]}

    def _data(self, what: str, given: dict[str, str]) -> dict[str, Any]:
        bound = base64.b64decode(given.get("associated_data", ""), validate=True)
        if what == "encrypt":
            sealed = self.seal(base64.b64decode(given["plaintext"], validate=True), bound)
            return {"ciphertext": f"vault:v1:{base64.b64encode(sealed).decode()}", "key_version": 1}
        prefix, version, text = given["ciphertext"].split(":")
        if (prefix, version) != ("vault", "v1"):
            raise ValueError
        return {"plaintext": base64.b64encode(self.open(base64.b64decode(text, validate=True), bound)).decode()}


class Kms(KeyService):
    """One symmetric key, by the JSON protocol 1.1; signatures are looked at for the access key only."""

    KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
    DISABLED: ClassVar[tuple[int, dict[str, Any]]] = (400, {"__type": "DisabledException", "message": "is disabled"})
    media_type = "application/x-amz-json-1.1"

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        what = headers.get("X-Amz-Target", "").removeprefix("TrentService.")
        if "Credential=AKIATPI/" not in headers.get("Authorization", ""):
            return 400, {"__type": "UnrecognizedClientException", "message": "The security token is invalid."}
        given = json.loads(body)
        if given.get("KeyId") != self.KEY:
            return 400, {"__type": "NotFoundException", "message": "Key does not exist"}
        self.asked.append(what.lower())
        bound = json.dumps(given.get("EncryptionContext", {}), sort_keys=True).encode()
        arn = f"arn:aws:kms:eu-central-1:111122223333:key/{self.KEY}"
        if what == "Encrypt":
            sealed = self.seal(base64.b64decode(given["Plaintext"], validate=True), bound)
            return 200, {"CiphertextBlob": base64.b64encode(sealed).decode(), "KeyId": arn}
        try:
            plain = self.open(base64.b64decode(given["CiphertextBlob"], validate=True), bound)
        except (InvalidTag, ValueError):
            return 400, {"__type": "InvalidCiphertextException", "message": ""}
        return 200, {"Plaintext": base64.b64encode(plain).decode(), "KeyId": arn}
