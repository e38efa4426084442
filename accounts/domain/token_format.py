"""What an API token looks like: ``tpi_<key id><secret><checksum>``.

The prefix lets secret scanners find a leaked token, the checksum lets them and us tell a real one from noise without a
database, the key id finds the row by its index, and only a keyed digest of the secret is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

PREFIX = "tpi_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY_ID_LENGTH = 12
_SECRET_LENGTH = 40  # 238 bits
_CHECKSUM_LENGTH = 6
PATTERN = re.compile(r"tpi_([0-9A-Za-z]{12})([0-9A-Za-z]{40})([0-9A-Za-z]{6})\Z")


@dataclass(frozen=True, slots=True)
class TokenParts:
    """A token taken apart; ``secret`` must never be stored or logged."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        """Keep the secret out of tracebacks and logs."""
        return f"TokenParts(key_id={self.key_id!r})"


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode("ascii"))
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def make_token() -> tuple[str, TokenParts]:
    """A new token: the text that is shown once, and its parts."""
    parts = TokenParts(_random(KEY_ID_LENGTH), _random(_SECRET_LENGTH))
    body = f"{PREFIX}{parts.key_id}{parts.secret}"
    return body + _checksum(body), parts


def parse_token(text: str) -> TokenParts | None:
    """The parts of a well-formed token whose checksum fits, else None."""
    match = PATTERN.match(text)
    if match is None or _checksum(text[:-_CHECKSUM_LENGTH]) != match[3]:
        return None
    return TokenParts(match[1], match[2])


def token_digest(parts: TokenParts, pepper: str) -> str:
    """The hex HMAC-SHA256 of the secret under ``pepper``; the key id is bound in, so rows cannot be swapped."""
    return hmac.new(pepper.encode(), f"{parts.key_id}:{parts.secret}".encode(), hashlib.sha256).hexdigest()
