"""Which platform tags a wheel may carry.

PyPI's list is the base: PEP 425 names, PEP 513/571/599/600 manylinux, PEP 656 musllinux, PEP 730 iOS, PEP 738 Android,
PEP 783 Emscripten.  An index inside a company also takes wheels for its own machines, so the enterprise profile
adds whole families, and an index may set a list of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from packaging.tags import Tag

from indexapp.domain.profiles import UploadProfile
from tpi_site.kit.errors import Invalid

ENTERPRISE_PATTERNS: tuple[str, ...] = (
    "linux_*",
    "manylinux_*",
    "musllinux_*",
    "macosx_*",
    "win_*",
    "ios_*",
    "android_*",
    "emscripten_*",
    "wasi_*",
    "aix_*",
    "cygwin_*",
    "freebsd_*",
    "mingw_*",
    "netbsd_*",
    "openbsd_*",
    "solaris_*",
    "sunos_*",
)
"""Families that the enterprise and snapshot profiles take beside PyPI's list, so that a new architecture or system
version needs no newer server."""

_LINUX_ARCHES = "x86_64|i686|aarch64|armv7l|ppc64le|s390x|riscv64"
_MAC_ARCHES = "ppc|ppc64|i386|x86_64|arm64|intel|fat|fat3|fat64|universal|universal2"
_PYPI_TAGS = re.compile(
    r"any"
    r"|win32|win_(?:amd64|arm64|ia64)"
    r"|manylinux(?:1|2010)_(?:x86_64|i686)"
    r"|manylinux2014_(?:x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x)"
    rf"|manylinux_\d+_\d+_(?:{_LINUX_ARCHES}|ppc64)"
    rf"|musllinux_\d+_\d+_(?:{_LINUX_ARCHES})"
    r"|linux_armv[67]l"
    rf"|macosx_(?:10_\d+|(?:1[1-5]|26)_0)_(?:{_MAC_ARCHES})"
    r"|ios_\d+_\d+_(?:arm64|x86_64)_(?:iphoneos|iphonesimulator)"
    r"|android_\d+_(?:armeabi_v7a|arm64_v8a|x86|x86_64)"
    r"|pyemscripten_\d+_\d+_wasm32",
    re.ASCII,
)


def is_platform_allowed(tag: str, allowed_extra: Sequence[str] = ()) -> bool:
    """Say whether the platform tag is on PyPI's list or matches one of the ``fnmatch`` patterns ``allowed_extra``."""
    return _PYPI_TAGS.fullmatch(tag) is not None or _matches(tag, allowed_extra)


def require_allowed_platforms(tags: Iterable[Tag], patterns: Sequence[str] | None, profile: UploadProfile) -> None:
    """Raise :class:`Invalid` (``platform-tag-not-allowed``) unless every tag's platform is allowed.

    ``patterns`` is the index's own complete list (for example ``["any", "manylinux*", "win_amd64"]``), which then
    stands instead of the profile's.  ``None`` or an empty list means the profile's: PyPI's list, and in the
    enterprise and snapshot profiles also ``ENTERPRISE_PATTERNS``.
    """
    for platform in sorted({tag.platform for tag in tags}):
        if not _is_allowed(platform, patterns, profile):
            raise Invalid(
                f"Binary wheel has an unsupported platform tag {platform!a}; "
                "build for a platform that this index allows, or ask its administrator to allow the tag.",
                code="platform-tag-not-allowed",
            )


def _is_allowed(platform: str, patterns: Sequence[str] | None, profile: UploadProfile) -> bool:
    if patterns:
        return _matches(platform, patterns)
    return is_platform_allowed(platform, () if profile.is_strict else ENTERPRISE_PATTERNS)


def _matches(platform: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(platform, pattern) for pattern in patterns)
