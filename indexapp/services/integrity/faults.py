"""What an examination finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from indexapp.models import Blob


class Code(Enum):
    """Kinds of faults; the values are printed and read by programs, so they never change."""

    BLOB_MISSING = "blob-missing"
    BLOB_SIZE = "blob-size"
    BLOB_CORRUPT = "blob-corrupt"
    KEY_UNKNOWN = "key-unknown"
    KEY_WRONG = "key-wrong"
    FILE_SIZE = "file-size"
    FILE_DIGEST = "file-digest"
    METADATA_DIGEST = "metadata-digest"
    PROJECT_SIZE = "project-size"
    PROJECT_SERIAL = "project-serial"
    QUOTA_USED = "quota-used"


_BYTES = "restore the bytes with --repair-from a backup or a second store"
_REPAIR = "run fsck with --repair"
_ROW = "restore the database's row from a backup, or delete the file and publish it again"

ADVICE = {
    Code.BLOB_MISSING: _BYTES,
    Code.BLOB_SIZE: _BYTES,
    Code.BLOB_CORRUPT: _BYTES,
    Code.KEY_UNKNOWN: "put the key back into the key ring from its backup (TPI_KEYRING)",
    Code.KEY_WRONG: f"{_REPAIR}: the object itself names the right key",
    Code.FILE_SIZE: _REPAIR,
    Code.FILE_DIGEST: _ROW,
    Code.METADATA_DIGEST: _ROW,
    Code.PROJECT_SIZE: _REPAIR,
    Code.PROJECT_SERIAL: _REPAIR,
    Code.QUOTA_USED: _REPAIR,
}
"""What to do about each, a sentence without its full stop."""
HOLDS_BACK = frozenset({Code.BLOB_MISSING, Code.BLOB_SIZE, Code.BLOB_CORRUPT})
"""Faults for which a blob is not served; a key that is not in the ring harms no byte, and its reads are refused anyway."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: with ``subject`` (a blob's digest, a file or a project), and in what way."""

    code: Code
    subject: str
    sentence: str
    blob: Blob | None = None
    row: int = 0
    """The key of the row that is at fault, where it is not a blob's."""

    @property
    def advice(self) -> str:
        """What to do."""
        return ADVICE[self.code]

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return {"code": self.code.value, "subject": self.subject, "what": self.sentence, "do": self.advice}

    def __str__(self) -> str:
        return f"{self.code.value} {self.subject}: {self.sentence}; {self.advice}."
