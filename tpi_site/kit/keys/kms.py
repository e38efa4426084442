"""Keys wrapped by a key of AWS KMS, which never leaves it (``Encrypt`` and ``Decrypt`` with an encryption context)."""

from __future__ import annotations

import base64
import binascii
from functools import cached_property
from threading import Thread
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tpi_site.kit.bounded_answers import bound
from tpi_site.kit.keys.sources import KeyRingBroken, KeySourceAway

_CONNECT, _READ, _ATTEMPTS = 3, 3, 2
_TOGETHER = 8.0
"""Seconds for a request with its repetition and the answer."""
_NOT_OURS = {"InvalidCiphertextException", "IncorrectKeyException"}
_REFUSED = {
    "AccessDeniedException": "its policy does not allow this installation's credentials",
    "DisabledException": "the key is disabled",
    "KMSInvalidStateException": "the key is pending deletion or not usable",
    "NotFoundException": "there is no such key",
    "InvalidSignatureException": "the credentials are wrong",
    "UnrecognizedClientException": "the credentials are unknown",
    "ExpiredTokenException": "the credentials have ended",
    "ThrottlingException": "too many requests",
}


class Kms:
    """A symmetric key by its id, ARN or alias; credentials and region as boto3 finds them where not given."""

    kind = "kms"
    is_outside = True

    def __init__(self, key: str, *, region: str = "", endpoint: str = "", ca_file: str = "") -> None:
        self._key, self._region, self._endpoint, self._ca_file = key, region, endpoint, ca_file
        self._asking: Thread | None = None

    @cached_property
    def _client(self) -> Any:
        timeouts = Config(connect_timeout=_CONNECT, read_timeout=_READ, retries={"total_max_attempts": _ATTEMPTS})
        client = boto3.session.Session().client(  # its own: the shared one keeps the credentials that it found first
            "kms",
            region_name=self._region or None,
            endpoint_url=self._endpoint or None,
            verify=self._ca_file or None,
            config=timeouts,
        )
        return bound(client)

    def wrap(self, key: bytes, purpose: str) -> str:
        """See the protocol."""
        found = self._ask("encrypt", Plaintext=key, EncryptionContext={"tpi": purpose})
        try:
            return base64.b64encode(found["CiphertextBlob"]).decode()
        except (KeyError, TypeError):
            raise _odd() from None

    def unwrap(self, text: str, purpose: str) -> bytes:
        """See the protocol."""
        try:
            blob = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise KeyRingBroken("A key of the ring is no base64.") from None
        plain = self._ask("decrypt", CiphertextBlob=blob, EncryptionContext={"tpi": purpose}).get("Plaintext")
        if not isinstance(plain, bytes):
            raise _odd()
        return plain

    def _ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """What KMS answers within :data:`_TOGETHER`.

        Its client bounds each step and not all of them, so it works in a thread that is not waited for any longer; there is
        one at most, and while it hangs nothing else is asked.
        """
        if self._asking is not None and self._asking.is_alive():
            raise KeySourceAway("KMS does not answer.")
        answers: list[dict[str, Any] | KeyRingBroken | KeySourceAway] = []

        def ask() -> None:
            try:
                answers.append(self._asked(what, **arguments))
            except (KeyRingBroken, KeySourceAway) as failed:
                answers.append(failed)

        self._asking = Thread(target=ask, name="kms", daemon=True)
        self._asking.start()
        self._asking.join(_TOGETHER)
        if not answers:
            raise KeySourceAway("KMS does not answer.", why=f"It took longer than {_TOGETHER} seconds.")
        if isinstance(answers[0], Exception):
            raise answers[0]
        return answers[0]

    def _asked(self, what: str, **arguments: Any) -> dict[str, Any]:
        try:
            return dict(getattr(self._client, what)(KeyId=self._key, **arguments))
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _NOT_OURS:
                raise KeyRingBroken("The key of KMS does not open a key of the ring.") from None
            raise KeySourceAway(f"KMS refuses ({code}): {_REFUSED.get(code, 'see its documentation')}.") from None
        except BotoCoreError as error:
            raise KeySourceAway(f"KMS does not answer: {type(error).__name__}.") from None
        except (ResponseParserError, ValueError, KeyError, TypeError, AttributeError):
            raise _odd() from None


def _odd() -> KeySourceAway:
    return KeySourceAway("The key source answered something that KMS does not.")
