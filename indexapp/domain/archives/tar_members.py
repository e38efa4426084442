"""The members of a gzip-compressed tar archive, read as a stream from front to end."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple

from indexapp.domain.archives.gzip_stream import GzipStream
from indexapp.domain.archives.limits import PIECE, ArchiveLimits
from indexapp.domain.archives.member_names import decode_name, shown
from indexapp.domain.archives.tar_blocks import BLOCK_SIZE, TarBlock, parse_block
from indexapp.domain.archives.tar_extended import (
    Extension,
    apply_gnu_name,
    apply_pax,
    require_harmless_global,
    sparse_refusal,
)
from tpi_site.kit.errors import Invalid

_EXTENSIONS: Final = frozenset({b"x", b"L", b"K"})
_GLOBAL: Final = b"g"
_ZEROS: Final = bytes(BLOCK_SIZE)
_NEEDS_PAX: Final = 8**11
"""Bytes; the smallest size that the octal digits of a header cannot tell."""


class TarKind(Enum):
    """What a member is; the values are tar's type flags."""

    FILE = b"0"
    HARD_LINK = b"1"
    SYMBOLIC_LINK = b"2"
    DIRECTORY = b"5"


class TarMember(NamedTuple):
    """One member; ``size`` is the bytes of its content, ``link`` the target of a link, else empty."""

    name: str
    kind: TarKind
    size: int
    link: str


class TarReader:
    """Walks over the members of a tar stream; the content of one can be read before the next is asked for."""

    def __init__(self, stream: GzipStream, limits: ArchiveLimits) -> None:
        self._stream = stream
        self._limits = limits
        self._left = 0
        self._padding = 0
        self._headers = 0

    def members(self) -> Iterator[TarMember]:
        """Yield the members in the order of the archive, then check that nothing follows its end."""
        extension, extended_by = Extension(), set[bytes]()
        while (block := self._next_block()) is not None:
            if block.kind in _EXTENSIONS or block.kind == _GLOBAL:
                if block.kind in extended_by or (block.kind == _GLOBAL and extended_by):
                    raise _bad_tar("tar-header", "The tar archive has too many extended headers for one member")
                self._extend(extension, block)
                extended_by |= {block.kind} & _EXTENSIONS
                continue
            yield self._begin(block, extension)
            extension, extended_by = Extension(), set()
        if extended_by:
            raise _bad_tar("tar-header", "The tar archive ends with an extended header that belongs to no member")
        self._require_zeros_to_end()

    def content(self) -> bytes:
        """Return the content of the member that was yielded last; its size was checked by the caller."""
        content = self._stream.read(self._left)
        self._left -= len(content)
        if self._left:
            raise _truncated()
        return content

    def _next_block(self) -> TarBlock | None:
        """Read past the content of the last member; return the next header, or None for the end mark."""
        self._skip(self._left + self._padding)
        self._left = self._padding = 0
        block = self._stream.read(BLOCK_SIZE)
        if len(block) != BLOCK_SIZE:
            raise _truncated()
        if block == _ZEROS:
            return None
        # Every header counts, or an archive of nothing but global headers would have no end.
        self._headers += 1
        self._limits.require_member_count(self._headers // 4)
        return parse_block(block)

    def _extend(self, extension: Extension, block: TarBlock) -> None:
        if block.size > self._limits.max_control_size:
            raise _bad_tar(
                "tar-header-too-large",
                f"The tar archive has an extended header of more than {self._limits.max_control_size} bytes",
            )
        self._expect(block.size)
        content = self.content()
        if block.kind == b"x":
            apply_pax(extension, content)
        elif block.kind == _GLOBAL:
            require_harmless_global(content)
        else:
            apply_gnu_name(extension, block.kind, content)

    def _begin(self, block: TarBlock, extension: Extension) -> TarMember:
        size = _size_of(block, extension)
        name = decode_name(block.raw_name if extension.raw_name is None else extension.raw_name)
        kind = _kind(block, name)
        if kind is not TarKind.FILE and size:
            raise _bad_tar("tar-header", f"The tar member {shown(name)} has content though it is no file")
        link = ""
        if kind in {TarKind.HARD_LINK, TarKind.SYMBOLIC_LINK}:
            link = _decode_link(block.raw_link if extension.raw_link is None else extension.raw_link, name)
        self._expect(size)
        return TarMember(name, kind, size, link)

    def _expect(self, size: int) -> None:
        self._left = size
        self._padding = -size % BLOCK_SIZE

    def _skip(self, size: int) -> None:
        while size:
            piece = self._stream.read_some(min(size, PIECE))
            if not piece:
                raise _truncated()
            size -= len(piece)

    def _require_zeros_to_end(self) -> None:
        while piece := self._stream.read_some(PIECE):
            if piece.strip(b"\0"):
                raise _bad_tar("tar-trailing", "The tar archive has bytes after its end")


def _size_of(block: TarBlock, extension: Extension) -> int:
    """The member's size; a pax record may give only one that the header has no room for.

    Some readers believe the header nevertheless and then take the content for further members.
    """
    if extension.size is None or extension.size == block.size:
        return block.size
    if block.size or extension.size < _NEEDS_PAX:
        raise _bad_tar("tar-header", "The tar archive has a member whose pax size contradicts its header")
    return extension.size


def _kind(block: TarBlock, name: str) -> TarKind:
    """Tell what a member is; what is neither file, directory nor link is refused."""
    flag = block.kind
    if flag == b"S":
        raise sparse_refusal()
    if flag == b"\0":  # the first tar format, where a directory is told by its name
        flag = b"5" if block.raw_name.endswith(b"/") else b"0"
    try:
        kind = TarKind(flag)
    except ValueError:
        raise _bad_tar("tar-file-type", f"The tar member {shown(name)} is no file, directory or link") from None
    if kind is not TarKind.DIRECTORY and name.endswith("/"):
        raise _bad_tar("tar-header", f"The tar member {shown(name)} is named like a directory but is none")
    return kind


def _decode_link(raw_link: bytes, name: str) -> str:
    try:
        return raw_link.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad_tar("archive-name-encoding", f"The link {shown(name)} has a target that is not UTF-8") from None


def _truncated() -> Invalid:
    return Invalid(
        "The tar archive is cut off; build it again and upload it unchanged.",
        code="tar-truncated",
    )


def _bad_tar(code: str, fault: str) -> Invalid:
    return Invalid(f"{fault}; build the archive with another tool.", code=code)
