"""The digests of one file, computed together while its bytes stream past."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from tpi_site.kit.errors import Invalid

BLAKE2_SIZE = 32
"""Bytes; 'blake2_256' on the wire is BLAKE2b cut to 256 bits."""

HEX_LENGTHS: Mapping[str, int] = {"md5": 32, "sha256": 64, "blake2_256": 64}
"""Digest names as the upload form spells them, with the length of their hexadecimal text."""


class MultiDigest:
    """SHA-256, BLAKE2b-256 and MD5 of the same bytes, and how many bytes there were.

    MD5 is kept only because old clients declare nothing else and the JSON API shows it; nothing trusts it.
    """

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._blake2_256 = hashlib.blake2b(digest_size=BLAKE2_SIZE)
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, chunk: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the file."""
        self.size += memoryview(chunk).nbytes
        self._sha256.update(chunk)
        self._blake2_256.update(chunk)
        self._md5.update(chunk)

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of the bytes so far."""
        return self._sha256.hexdigest()

    @property
    def blake2_256(self) -> str:
        """Lower-case hexadecimal BLAKE2b-256 of the bytes so far."""
        return self._blake2_256.hexdigest()

    @property
    def md5(self) -> str:
        """Lower-case hexadecimal MD5 of the bytes so far."""
        return self._md5.hexdigest()

    def as_dict(self) -> dict[str, str]:
        """Return the hexadecimal digests by their form names (``sha256``, ``blake2_256``, ``md5``)."""
        return {"sha256": self.sha256, "blake2_256": self.blake2_256, "md5": self.md5}

    def require_match(self, declared: Mapping[str, str]) -> None:
        """Raise :class:`Invalid` (``digest-mismatch``) unless every declared digest is that of the bytes.

        ``declared`` maps form names to hexadecimal text in either case; a name that is not ours is a mismatch too.
        """
        actual = self.as_dict()
        for name, value in declared.items():
            if not hmac.compare_digest(actual.get(name, "").encode(), value.lower().encode(errors="replace")):
                raise Invalid(
                    "The digest supplied does not match a digest calculated from the uploaded file.",
                    code="digest-mismatch",
                )
