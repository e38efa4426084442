"""Keys wrapped by the transit engine of HashiCorp Vault or OpenBao, whose key never leaves it.

``POST /v1/<mount>/encrypt/<key>`` with ``{"plaintext": <base64>, "associated_data": <base64>}`` answers
``{"data": {"ciphertext": "vault:v1:…"}}``; ``decrypt`` is the way back.  Faults come as ``{"errors": [<sentence>, …]}`` with
400 (not what was encrypted), 403 (the token may not), 404 (no such engine or key), 503 (sealed).  The key must be of a type
with authenticated encryption (``aes256-gcm96``, the default, or ``chacha20-poly1305``), because what a key of the ring is
wrapped for is bound in as associated data.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from tpi_site.kit import outbound
from tpi_site.kit.keys.sources import KeyRingBroken, KeySourceAway

TIMEOUT = 3.0
"""Seconds for a request and its answer together: others may wait for it."""
_OK = 200
_FAULTS = {
    403: "Vault refuses the token (403): it is unknown, has ended, or its policy does not allow this.",
    404: "Vault has no such transit engine or key (404).",
    429: "Vault throttles requests (429).",
    503: "Vault is sealed or in maintenance (503).",
}
_NOT_OURS = 400


@dataclass(frozen=True)
class Transit:
    """One key of a transit engine."""

    address: str
    """``https://host[:port]``"""
    mount: str
    key: str
    namespace: str = ""
    ca_certificates: str = ""
    kind: str = "vault"
    is_outside: bool = True

    def wrap(self, key: bytes, purpose: str) -> str:
        """See the protocol."""
        body = {"plaintext": _encoded(key), "associated_data": _encoded(purpose.encode())}
        text = self._ask("encrypt", body).get("ciphertext")
        if not isinstance(text, str) or not text.isascii():
            raise _odd()
        return text

    def unwrap(self, text: str, purpose: str) -> bytes:
        """See the protocol."""
        body = {"ciphertext": text, "associated_data": _encoded(purpose.encode())}
        try:
            return base64.b64decode(self._ask("decrypt", body)["plaintext"], validate=True)
        except (KeyError, TypeError, ValueError):  # binascii's is a ValueError
            raise _odd() from None

    def _ask(self, what: str, body: dict[str, str]) -> dict[str, Any]:
        path = f"{self.mount}/{what}/{self.key}"
        try:
            answer = outbound.post(
                f"{self.address}/v1/{path}",
                json.dumps(body).encode(),
                self._headers(),
                ca_certificates=self.ca_certificates,
                timeout=TIMEOUT,
            )
        except outbound.OutboundFailed as failed:
            raise KeySourceAway("Vault does not answer.", why=str(failed)) from None
        if answer.status == _OK:
            return self._data(answer.body)
        if answer.status == _NOT_OURS:
            why = f"Vault said of the key '{self.key}': {_said(answer.body)}."
            raise KeyRingBroken("Vault's key does not open a key of the ring.", why=why)
        fault = _FAULTS.get(answer.status, f"Vault answered {answer.status}.")
        raise KeySourceAway(fault, why=f"It was asked for {path} at {self.address}.")

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "X-Vault-Request": "true", "X-Vault-Token": token()}
        return headers | ({"X-Vault-Namespace": self.namespace} if self.namespace else {})

    def _data(self, body: bytes) -> dict[str, Any]:
        try:
            return dict(json.loads(body)["data"])
        except (ValueError, KeyError, TypeError):
            raise _odd() from None


def _odd() -> KeySourceAway:
    return KeySourceAway("The key source answered something that Vault does not.")


def token() -> str:
    """The token of now, as agents renew it in its file; raises KeySourceAway where there is none."""
    found = _from_file() or settings.TPI_VAULT_TOKEN
    if not found or not found.isprintable():
        raise KeySourceAway("There is no token for Vault: set TPI_VAULT_TOKEN_FILE, or TPI_VAULT_TOKEN.")
    return found


def _from_file() -> str:
    path = os.environ.get("TPI_VAULT_TOKEN_FILE", "")
    try:
        return Path(path).read_text(encoding="utf-8").strip() if path else ""
    except (OSError, UnicodeDecodeError):
        raise KeySourceAway("The file that TPI_VAULT_TOKEN_FILE names cannot be read.") from None


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _said(body: bytes) -> str:
    """What Vault says to it, shortened: it repeats nothing of what was sent."""
    try:
        return "; ".join(str(each) for each in json.loads(body)["errors"])[:200] or "no reason given"
    except (ValueError, KeyError, TypeError):
        return "no reason given"
