"""The ``WHEEL`` and ``entry_points.txt`` files of a wheel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from packaging.tags import parse_tag

from indexapp.domain.archives.member_names import shown
from indexapp.domain.archives.wheel_name import MAX_TAGS, count_tags
from tpi_site.kit.errors import Invalid

_SUPPORTED_MAJOR: Final = "1"
_VERSION: Final = re.compile(r"([0-9]{1,9})\.[0-9]{1,9}", re.ASCII)
_TAG: Final = re.compile(r"[\w.]+-[\w.]+-[\w.]+", re.ASCII)
_SCRIPT_NAME: Final = re.compile(r"[\w.-]+")
_SCRIPT_GROUPS: Final = frozenset({"console_scripts", "gui_scripts"})


@dataclass(frozen=True, slots=True)
class WheelFacts:
    """What the ``WHEEL`` file says; ``tags`` are expanded, each ``python-abi-platform``."""

    wheel_version: str
    root_is_purelib: bool
    tags: frozenset[str]


def parse_wheel_facts(content: bytes) -> WheelFacts:
    """Parse a ``WHEEL`` file; refuse with ``wheel-file`` what has no version 1.x or cannot be read."""
    headers: dict[str, list[str]] = {}
    for line in _text(content, "WHEEL", "wheel-file").splitlines():
        if not line.strip():
            break
        key, colon, value = line.partition(":")
        if not colon:
            raise _bad_wheel_file("has a line that is no 'Key: value'")
        headers.setdefault(key.strip().lower(), []).append(value.strip())
    versions = headers.get("wheel-version", [])
    version = _VERSION.fullmatch(versions[0]) if len(versions) == 1 else None
    if version is None or version[1] != _SUPPORTED_MAJOR:
        raise _bad_wheel_file("does not have one Wheel-Version of 1.x")
    is_purelib = headers.get("root-is-purelib", ["false"])[0].lower() == "true"
    return WheelFacts(version[0], is_purelib, _expanded(headers.get("tag", [])))


def _expanded(tags: list[str]) -> frozenset[str]:
    """Expand compressed tag sets, refusing what expands without measure."""
    if not all(_TAG.fullmatch(tag) for tag in tags):
        raise _bad_wheel_file("has a Tag that is not python-abi-platform")
    if sum(count_tags(tag.split("-")) for tag in tags) > MAX_TAGS:
        raise _bad_wheel_file(f"has more than {MAX_TAGS} tags")
    return frozenset(str(single) for tag in tags for single in parse_tag(tag))


def require_entry_points(content: bytes) -> None:
    """Refuse with ``wheel-entry-points`` an ``entry_points.txt`` that is not INI with '=' or names a script badly.

    A script's name becomes a file name in the installer's ``bin``; so it may not contain a path.
    """
    seen = set()
    for group, name in _entry_points(_text(content, "entry_points.txt", "wheel-entry-points")):
        if group in _SCRIPT_GROUPS and (not _SCRIPT_NAME.fullmatch(name) or not name.strip(".")):
            raise _bad_entry_points(f"has the script name {shown(name)}; use letters, digits, '_', '-' and '.'")
        if (group, name) in seen:
            raise _bad_entry_points(f"has {shown(name)} twice in one group")
        seen.add((group, name))


def _entry_points(text: str) -> Iterator[tuple[str, str]]:
    """Yield (group, name) of each entry point."""
    group = ""
    for line in (line.strip() for line in text.splitlines()):
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
            continue
        name, equals, _ = line.partition("=")
        if not (group and equals and name.strip()):
            raise _bad_entry_points("has a line that is no 'name = object' in a [group]")
        yield group, name.strip()


def _text(content: bytes, file: str, code: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"The wheel's {file} is not UTF-8; write it in UTF-8.", code=code) from None


def _bad_wheel_file(fault: str) -> Invalid:
    return Invalid(f"The wheel's WHEEL file {fault}; build the wheel with another tool.", code="wheel-file")


def _bad_entry_points(fault: str) -> Invalid:
    return Invalid(f"The wheel's entry_points.txt {fault}.", code="wheel-entry-points")
