"""The file name of a wheel and the name of the directory it must contain (binary distribution format)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from packaging.tags import Tag
from packaging.utils import (
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from indexapp.domain.archives.member_names import shown
from tpi_site.kit.errors import Invalid

_SUFFIX: Final = ".dist-info"
_TAG_PARTS: Final = 3
MAX_TAGS: Final = 1000
"""Tags that one compressed set may expand to; real ones stay below a hundred."""


@dataclass(frozen=True, slots=True)
class WheelName:
    """What a wheel's file name says."""

    name: NormalizedName
    version: Version
    tags: frozenset[Tag]


def parse_wheel_name(filename: str) -> WheelName:
    """Parse ``filename``; refuse with ``wheel-filename`` what is no wheel's name."""
    try:
        if count_tags(filename.removesuffix(".whl").split("-")[-_TAG_PARTS:]) > MAX_TAGS:
            raise _bad_filename(filename)
        name, version, _build, tags = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion, ValueError):
        raise _bad_filename(filename) from None
    return WheelName(name, version, tags)


def count_tags(parts: Iterable[str]) -> int:
    """Return how many tags the dotted ``parts`` of a compressed tag set expand to."""
    count = 1
    for part in parts:
        count *= part.count(".") + 1
    return count


def find_dist_info(names: Iterable[str], expected: WheelName) -> str:
    """Return the one top-level ``.dist-info`` directory among ``names``; it must repeat what the file name says."""
    found = {top for top, slash, _ in (name.partition("/") for name in names) if slash and top.endswith(_SUFFIX)}
    if len(found) != 1:
        raise Invalid(
            f"The wheel has {len(found)} .dist-info directories at its top; it must have exactly one.",
            code="wheel-dist-info",
        )
    dist_info = found.pop()
    name, _, version = dist_info.removesuffix(_SUFFIX).partition("-")
    if canonicalize_name(name) != expected.name or not _is_version(version, expected.version):
        raise Invalid(
            f"The wheel's directory {shown(dist_info)} does not have the name and version of its file name;"
            " build the wheel instead of renaming it.",
            code="wheel-dist-info",
        )
    return dist_info


def _is_version(text: str, expected: Version) -> bool:
    try:
        return Version(text) == expected
    except InvalidVersion:
        return False


def _bad_filename(filename: str) -> Invalid:
    return Invalid(
        f"{shown(filename)} is not the file name of a wheel; upload the file under the name the build tool gave it.",
        code="wheel-filename",
    )
