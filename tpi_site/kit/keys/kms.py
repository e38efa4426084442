"""Keys wrapped by a key of AWS KMS, which never leaves it (``Encrypt`` and ``Decrypt`` with an encryption context)."""

from __future__ import annotations

import base64
import binascii
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tpi_site.kit.bounded_answers import bound
from tpi_site.kit.keys.sources import KeyRingBroken, KeySourceAway

_CONNECT, _READ, _ATTEMPTS = 3, 3, 2
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

    @cached_property
    def _client(self) -> Any:
        timeouts = Config(connect_timeout=_CONNECT, read_timeout=_READ, retries={"total_max_attempts": _ATTEMPTS})
        client = boto3.client(
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
        return base64.b64encode(found["CiphertextBlob"]).decode()

    def unwrap(self, text: str, purpose: str) -> bytes:
        """See the protocol."""
        try:
            blob = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise KeyRingBroken("A key of the ring is no base64.") from None
        return bytes(self._ask("decrypt", CiphertextBlob=blob, EncryptionContext={"tpi": purpose})["Plaintext"])

    def _ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        try:
            return dict(getattr(self._client, what)(KeyId=self._key, **arguments))
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _NOT_OURS:
                raise KeyRingBroken("The key of KMS does not open a key of the ring.") from None
            raise KeySourceAway(f"KMS refuses ({code}): {_REFUSED.get(code, 'see its documentation')}.") from None
        except BotoCoreError as error:
            raise KeySourceAway(f"KMS does not answer: {type(error).__name__}.") from None
