"""Versions after PEP 440: parsing within bounds, canonical text, a key that sorts in a database, and 'latest'."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from packaging.utils import canonicalize_version
from packaging.version import InvalidVersion, Version

from tpi_site.kit.errors import Invalid

MAX_VERSION_LENGTH = 128
"""Characters of a version as written."""

MAX_NUMBER_LENGTH = 35
"""Digits of one number in a version; what one base-36 digit can count in a sort key."""

_PRINTABLE = re.compile(r"[!-~]+\Z")
_LONG_NUMBER = re.compile(rf"[0-9]{{{MAX_NUMBER_LENGTH + 1}}}")
_COUNT = "0123456789abcdefghijklmnopqrstuvwxyz"
_PRE_RANK = {"a": "1", "b": "2", "rc": "3"}
_END = "0"


def parse_version(text: str) -> Version:
    """Return the PEP 440 version that ``text`` spells; raise :class:`Invalid` (``version-invalid``) otherwise.

    Surrounding white space, more than ``MAX_VERSION_LENGTH`` characters and numbers of more than
    ``MAX_NUMBER_LENGTH`` digits are refused too.
    """
    if len(text) > MAX_VERSION_LENGTH:
        raise Invalid(f"A version has at most {MAX_VERSION_LENGTH} characters.", code="version-invalid")
    if _LONG_NUMBER.search(text):
        raise Invalid(f"A number in a version has at most {MAX_NUMBER_LENGTH} digits.", code="version-invalid")
    try:
        if _PRINTABLE.match(text):
            return Version(text)
    except InvalidVersion:
        pass
    raise Invalid(
        f"{text!a} is not a valid version; write it as PEP 440 says, for example 1.2.3.", code="version-invalid"
    )


def canonical_version(version: Version | str) -> str:
    """Return one text for all spellings of a version: ``1.0``, ``v1`` and ``1.0.0`` are ``1``.

    Raises :class:`Invalid` (``version-invalid``) for a text that is no version.
    """
    parsed = parse_version(version) if isinstance(version, str) else version
    return canonicalize_version(parsed, strip_trailing_zero=True)


def version_sort_key(version: Version) -> str:
    """Return an ASCII text whose byte order is the PEP 440 order; equal versions have equal keys.

    The alphabet is ``0-9a-z`` only, so that SQLite, PostgreSQL's ``C`` and the usual linguistic collations agree.
    A number is its count of digits as one base-36 digit, then the digits; ``0`` ends each list, because no number
    begins with it.  For a version from :func:`parse_version` the key has fewer than 300 characters.
    """
    return "".join(
        (
            _number(version.epoch),
            _release(version.release),
            _pre(version),
            _END if version.post is None else "1" + _number(version.post),
            "1" if version.dev is None else "0" + _number(version.dev),
            _local(version.local),
        )
    )


def release_sort_prefix(version: Version) -> str:
    """Return what the sort keys of all versions of the same epoch and release begin with, and no others."""
    return _number(version.epoch) + _release(version.release)


def latest_rank(version: Version, *, is_yanked: bool) -> tuple[bool, bool, Version]:
    """Return a key by which the largest is the version to show first: not yanked, then final, then PEP 440 order."""
    return (not is_yanked, not version.is_prerelease, version)


def latest(versions: Iterable[Version], yanked: Collection[Version] = frozenset()) -> Version | None:
    """Return the version that a person should see first, or ``None`` if there is none."""
    return max(versions, key=lambda version: latest_rank(version, is_yanked=version in yanked), default=None)


def _number(number: int) -> str:
    digits = str(number)
    return _COUNT[len(digits)] + digits


def _release(release: tuple[int, ...]) -> str:
    kept = len(release)
    while kept and release[kept - 1] == 0:
        kept -= 1
    return "".join(map(_number, release[:kept])) + _END


def _pre(version: Version) -> str:
    if version.pre is not None:
        letter, number = version.pre
        return _PRE_RANK[letter] + _number(number)
    is_bare_dev = version.dev is not None and version.post is None
    return "0" if is_bare_dev else "4"


def _local(local: str | None) -> str:
    segments = local.split(".") if local else ()
    return "".join(map(_local_segment, segments)) + _END


def _local_segment(segment: str) -> str:
    """Texts sort before numbers; within a text ``00`` is its end and ``01`` a zero, so that prefixes sort first."""
    if segment.isdigit():
        return "2" + _number(int(segment))
    return "1" + segment.replace("0", "01") + "00"
