"""Inspecting a wheel: its frame, its ``.dist-info`` and its ``RECORD`` (binary distribution format; PEP 639)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from indexapp.domain.archives.limits import ArchiveLimits
from indexapp.domain.archives.member_names import shown
from indexapp.domain.archives.wheel_metadata import WheelFacts, parse_wheel_facts, require_entry_points
from indexapp.domain.archives.wheel_name import WheelName, find_dist_info, parse_wheel_name
from indexapp.domain.archives.wheel_record import (
    RecordedFile,
    checked,
    read_record,
    require_same_files,
    require_same_size,
)
from indexapp.domain.archives.zip_content import content_of, require_size
from indexapp.domain.archives.zip_framing import ZipMember, names_of_files, read_members
from tpi_site.kit.errors import Invalid

_DEFAULT_LIMITS: Final = ArchiveLimits()


@dataclass(frozen=True, slots=True)
class WheelInspection:
    """What a sound wheel holds.

    ``metadata`` is ``METADATA`` byte for byte, ``wheel_tags`` are those of the ``WHEEL`` file (expanded),
    ``total_size`` is the unpacked bytes of all members, ``files`` the names of all that are no directories.
    ``are_hashes_checked`` is False when the wheel unpacks to more than ``record_hash_budget``: then only names, sizes
    and the hashes of the files that were read for their content are known to be right.
    """

    metadata: bytes
    dist_info: str
    wheel_version: str
    wheel_tags: frozenset[str]
    root_is_purelib: bool
    has_entry_points: bool
    are_hashes_checked: bool
    members: int
    total_size: int
    files: frozenset[str]


def inspect_wheel(
    file: BinaryIO,
    *,
    filename: str,
    limits: ArchiveLimits = _DEFAULT_LIMITS,
    strict_tags: bool = False,
    allow_data_descriptors: bool = False,
) -> WheelInspection:
    """Check the wheel in ``file`` and return what it holds; every broken rule is an ``Invalid`` that names it.

    ``strict_tags`` refuses a ``WHEEL`` file whose tags are not those of the file name (repaired wheels of older tools
    differ).  ``allow_data_descriptors`` takes wheels that were written to a pipe.
    """
    expected = parse_wheel_name(filename)
    members = read_members(file, limits, allow_data_descriptors=allow_data_descriptors)
    dist_info = find_dist_info((member.name for member in members), expected)
    wheel = _RecordedWheel(file, members, dist_info, limits)
    facts = parse_wheel_facts(wheel.control("WHEEL", limit=limits.max_control_size))
    if strict_tags:
        _require_same_tags(facts, expected)
    metadata = wheel.control("METADATA", limit=limits.max_metadata_size)
    has_entry_points = wheel.has_control("entry_points.txt")
    if has_entry_points:
        require_entry_points(wheel.control("entry_points.txt", limit=limits.max_control_size))
    return WheelInspection(
        metadata=metadata,
        dist_info=dist_info,
        wheel_version=facts.wheel_version,
        wheel_tags=facts.tags,
        root_is_purelib=facts.root_is_purelib,
        has_entry_points=has_entry_points,
        are_hashes_checked=wheel.check_the_rest(),
        members=len(members),
        total_size=wheel.total_size,
        files=wheel.files,
    )


def require_wheel_licenses(inspection: WheelInspection, license_files: Iterable[str]) -> None:
    """Refuse with ``license-file-missing`` a ``License-File`` that is not below ``<dist-info>/licenses`` (PEP 639)."""
    for path in license_files:
        name = f"{inspection.dist_info}/licenses/{path}"
        if name not in inspection.files:
            raise Invalid(
                f"License-File {shown(path)} does not exist in the wheel at {shown(name)}; add it or drop the field.",
                code="license-file-missing",
            )


class _RecordedWheel:
    """The members of a wheel beside its ``RECORD``; inflates each of them once at most."""

    def __init__(self, file: BinaryIO, members: tuple[ZipMember, ...], dist_info: str, limits: ArchiveLimits) -> None:
        self._file = file
        self._dist_info = dist_info
        self._limits = limits
        self._members = {member.name: member for member in members}
        self.files = names_of_files(members)
        self.total_size = sum(member.size for member in members)
        self._record = self._read_record()
        self._unread = set(self._members) - {f"{dist_info}/RECORD"}

    def has_control(self, name: str) -> bool:
        """Tell whether ``<dist-info>/<name>`` is a file of the wheel."""
        return f"{self._dist_info}/{name}" in self.files

    def control(self, name: str, *, limit: int) -> bytes:
        """Return the content of ``<dist-info>/<name>``, which must exist, after checking its hash."""
        member = self._control_member(name)
        require_size(member.name, member.size, limit=limit)
        return b"".join(self._content(member))

    def check_the_rest(self) -> bool:
        """Check content and hash of everything not read yet; return False if that is above the budget."""
        if self.total_size > self._limits.record_hash_budget:
            return False
        for member in self._members.values():
            if member.name in self._unread:
                deque(self._content(member), maxlen=0)
        return True

    def _control_member(self, name: str) -> ZipMember:
        if not self.has_control(name):
            raise Invalid(
                f"The wheel has no {name} in {shown(self._dist_info)}; build it again with a wheel-building tool.",
                code="wheel-incomplete",
            )
        return self._members[f"{self._dist_info}/{name}"]

    def _content(self, member: ZipMember) -> Iterator[bytes]:
        self._unread.discard(member.name)
        pieces = content_of(self._file, member)
        recorded = self._record.get(member.name)
        return pieces if recorded is None else checked(pieces, member.name, recorded)

    def _read_record(self) -> dict[str, RecordedFile]:
        member = self._control_member("RECORD")
        require_size(member.name, member.size, limit=self._limits.max_record_size)
        record = read_record(content_of(self._file, member), dist_info=self._dist_info)
        require_same_files(record, self.files, dist_info=self._dist_info)
        for path, recorded in record.items():
            require_same_size(path, recorded, self._members[path].size)
        return record


def _require_same_tags(facts: WheelFacts, expected: WheelName) -> None:
    if facts.tags != {str(tag) for tag in expected.tags}:
        raise Invalid(
            "The tags in the wheel's WHEEL file are not those of its file name; build the wheel anew.",
            code="wheel-tags",
        )
