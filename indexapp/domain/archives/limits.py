"""How much an archive may hold, and how far it may unpack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tpi_site.kit.errors import Invalid

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

PIECE: Final = 64 * KIB
"""Bytes read from a file at once, and at most given out at once by a decompressor."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Limits of one inspection; sizes are bytes.

    ``max_ratio`` counts only once an archive unpacks to more than ``ratio_floor``: small archives of repetitive text
    compress very well and harm nobody.  Above ``record_hash_budget`` unpacked bytes the members of a ZIP archive are
    compared by name and size only, except those that are read for their content.
    """

    max_members: int = 200_000
    max_names_size: int = 32 * MIB
    max_metadata_size: int = 8 * MIB
    max_control_size: int = MIB
    max_record_size: int = 64 * MIB
    max_total_size: int = 64 * GIB
    ratio_floor: int = 64 * MIB
    max_ratio: int = 50
    record_hash_budget: int = 512 * MIB

    def ceiling(self, archive_size: int) -> int:
        """Return how many bytes an archive of ``archive_size`` bytes may unpack to."""
        return min(self.max_total_size, max(self.ratio_floor, self.max_ratio * archive_size))

    def require_under_ceiling(self, unpacked: int, archive_size: int) -> None:
        """Refuse with ``archive-decompression-ceiling`` when ``unpacked`` bytes are too many."""
        if unpacked > self.ceiling(archive_size):
            raise Invalid(
                f"The archive of {archive_size} bytes unpacks to more than {self.ceiling(archive_size)} bytes"
                f" (above {self.ratio_floor} bytes at most {self.max_ratio} times its size, and never more than"
                f" {self.max_total_size} bytes); leave out what compresses like that.",
                code="archive-decompression-ceiling",
            )

    def require_member_count(self, count: int) -> None:
        """Refuse with ``archive-too-many-members`` when ``count`` members are too many."""
        if count > self.max_members:
            raise Invalid(
                f"The archive holds more than {self.max_members} members; split the project.",
                code="archive-too-many-members",
            )
