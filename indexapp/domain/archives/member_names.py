"""What a member of an archive may be called.

Installers disagree about strange names, and an archive that two programs read differently is a way to smuggle files;
so names that any of them would read in two ways are refused.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

from indexapp.domain.archives.limits import ArchiveLimits
from tpi_site.kit.errors import Invalid

MAX_NAME_LENGTH: Final = 4096
"""Bytes; PATH_MAX of Linux."""

_PLAIN: Final = re.compile(r"[\x20-\x5b\x5d-\x7e]+", re.ASCII)
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_REFUSED_BIDI: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_REFUSED_MARKS: Final = frozenset("\u061c\u200e\u200f")
_SHOWN_LENGTH: Final = 100


def shown(name: str | bytes) -> str:
    """Return ``name`` quoted, in ASCII and of bounded length, fit for a sentence and for a log line."""
    quoted = ascii(name[:_SHOWN_LENGTH])
    return quoted if len(name) <= _SHOWN_LENGTH else f"{quoted}..."


def decode_name(raw: bytes) -> str:
    """Return the member name that ``raw`` spells in UTF-8, refusing what :func:`require_safe_name` refuses."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid(
            f"The member name {shown(raw)} is not UTF-8; rename the file and build the archive again.",
            code="archive-name-encoding",
        ) from None
    require_safe_name(name)
    return name


def require_safe_name(name: str) -> None:
    """Refuse a name that is empty, too long, absolute, climbs out of its directory or hides what it says."""
    if not name or len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_LENGTH:
        raise Invalid(
            f"The member name {shown(name)} is empty or longer than {MAX_NAME_LENGTH} bytes; rename the file.",
            code="archive-name-length",
        )
    if not _PLAIN.fullmatch(name):
        _require_printable(name)
    if name[0] == "/" or _DRIVE.match(name):
        raise Invalid(
            f"The member name {shown(name)} is absolute; names must be relative, so build the archive again.",
            code="archive-name-absolute",
        )
    if ".." in name and ".." in name.split("/"):
        raise Invalid(
            f"The member name {shown(name)} contains '..'; names must stay below their directory.",
            code="archive-name-parent",
        )


def _require_printable(name: str) -> None:
    """Refuse control characters, line separators, surrogates, bidirectional controls and backslashes."""
    if "\\" in name:
        raise Invalid(
            f"The member name {shown(name)} contains a backslash; separate directories by '/'.",
            code="archive-name-backslash",
        )
    for character in name:
        if (
            unicodedata.category(character) in _REFUSED_CATEGORIES
            or unicodedata.bidirectional(character) in _REFUSED_BIDI
            or character in _REFUSED_MARKS
        ):
            raise Invalid(
                f"The member name {shown(name)} contains a control character; rename the file.",
                code="archive-name-control",
            )


def path_of(name: str) -> str:
    """Return ``name`` without ``.`` and empty components: what a file system makes of it; empty for ``./``."""
    if "//" not in name and "./" not in name and not name.endswith(("/", ".")):
        return name
    return "/".join(part for part in name.split("/") if part not in {"", "."})


class NameLedger:
    """The paths of one archive; refuses two members that mean the same file."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self._limits = limits
        self._files: set[str] = set()
        self._directories: set[str] = set()
        self._names_size = 0

    @property
    def files(self) -> frozenset[str]:
        """The paths of all members that are not directories."""
        return frozenset(self._files)

    def add_file(self, path: str) -> None:
        """Take down a file; its path must be new."""
        if path in self._files or path in self._directories:
            raise _duplicate(path)
        self._files.add(path)
        self._count(path)

    def add_directory(self, path: str, *, may_repeat: bool) -> None:
        """Take down a directory; tar archives may name one more than once (``may_repeat``), ZIP archives may not."""
        if path in self._files or (path in self._directories and not may_repeat):
            raise _duplicate(path)
        if path not in self._directories:
            self._directories.add(path)
            self._count(path)

    def _count(self, path: str) -> None:
        self._names_size += len(path)
        self._limits.require_member_count(len(self._files) + len(self._directories))
        if self._names_size > self._limits.max_names_size:
            raise Invalid(
                f"The member names take more than {self._limits.max_names_size} characters; shorten the paths.",
                code="archive-names-too-long",
            )

    def require_no_file_above_another(self) -> None:
        """Refuse an archive in which a file (or link) is also the directory of another member."""
        # NUL sorts before every character a name may have, so whatever lies below a path comes right after it.
        order = sorted(path.replace("/", "\0") for path in self._files | self._directories)
        for above, below in pairwise(order):
            if below.startswith(above + "\0") and above.replace("\0", "/") in self._files:
                raise _duplicate(above.replace("\0", "/"))


def _duplicate(path: str) -> Invalid:
    return Invalid(
        f"The archive holds more than one member for {shown(path)}; give every member a path of its own.",
        code="archive-duplicate-name",
    )
