"""ZIP framing: one named case for each rule, on both sides of it."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from dataclasses import replace

import pytest

from indexapp.domain.archives.limits import ArchiveLimits
from indexapp.domain.archives.zip_content import content_of
from indexapp.domain.archives.zip_framing import ZipMember, read_members
from tests.builders.raw_zips import DEFLATED, RawEntry, descriptor, extra_field, raw_zip, zip64_extra
from tests.builders.wheels import write_zip
from tpi_site.kit.errors import Invalid

ENTRY = RawEntry()
OTHER = RawEntry(name=b"acme/other.py", content=b"OTHER = 1\n" * 20, method=DEFLATED)
PAIR = [ENTRY, OTHER]
SIZE = len(ENTRY.content)
SATURATED = 0xFFFFFFFF
STREAMED = 1 << 3
UTF8 = 1 << 11


def read(content: bytes, *, limits: ArchiveLimits | None = None, streamed: bool = False) -> tuple[ZipMember, ...]:
    return read_members(io.BytesIO(content), limits or ArchiveLimits(), allow_data_descriptors=streamed)


def wide(**central: object) -> RawEntry:
    """An entry whose local header leaves its sizes to the ZIP64 field."""
    local = {"size": SATURATED, "compressed_size": SATURATED, "extra": zip64_extra(SIZE, SIZE)}
    return replace(ENTRY, local=local, central=central)


def unicode_path(name: bytes, *, version: int = 1, crc: int | None = None) -> bytes:
    head = struct.pack("<BL", version, zlib.crc32(ENTRY.name) if crc is None else crc)
    return extra_field(0x7075, head + name)


def with_extra(extra: bytes, where: str = "central") -> bytes:
    overrides = {"extra": extra}
    if where == "central":
        return raw_zip([replace(ENTRY, central=overrides), OTHER])
    return raw_zip([replace(ENTRY, local=overrides), OTHER])


def streamed_entry(after: bytes, **local: object) -> RawEntry:
    return replace(ENTRY, flags=STREAMED, after=after, local={"crc": 0, "size": 0, "compressed_size": 0, **local})


def moved_directory() -> bytes:
    """Two bytes in front of the directory that the end record counts as part of it."""
    offset = raw_zip(PAIR).index(b"PK\x01\x02")
    size = raw_zip(PAIR).index(b"PK\x05\x06") - offset
    return raw_zip(PAIR, before_directory=b"PK", end={"offset": offset, "size": size + 2})


def reverse_directory(content: bytes) -> bytes:
    """Swap the two headers of the directory of ``content``, which leaves their offsets right."""
    start = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", start + 1)
    end = content.index(b"PK\x05\x06")
    return content[:start] + content[second:end] + content[start:second] + content[end:]


ACCEPTED = {
    "two members": raw_zip(PAIR),
    "no member": raw_zip([]),
    "directory member": raw_zip([RawEntry(name=b"acme/", content=b""), ENTRY]),
    "directory in another order": reverse_directory(raw_zip(PAIR)),
    "made on DOS": raw_zip([replace(ENTRY, central={"made_by": 20, "external": 0x20})]),
    "unix mode without a type": raw_zip([replace(ENTRY, central={"external": 0o644 << 16})]),
    "compression level flags": raw_zip([replace(OTHER, flags=0b110)]),
    "names that differ in case": raw_zip([ENTRY, replace(ENTRY, name=b"acme/__INIT__.py")]),
    "name that begins with another name": raw_zip([replace(ENTRY, name=b"acme"), replace(ENTRY, name=b"acme.py")]),
    "UTF-8 name with its flag": raw_zip([replace(ENTRY, name="acme/größe.py".encode(), flags=UTF8)]),
    "ASCII name with the UTF-8 flag": raw_zip([replace(ENTRY, flags=UTF8)]),
    "dots inside a name": raw_zip([replace(ENTRY, name=b"acme/..hidden...py")]),
    "time stamp extra in both headers": raw_zip(
        [
            replace(
                ENTRY,
                local={"extra": extra_field(0x5455, b"\1" + b"\0" * 4)},
                central={"extra": extra_field(0x5455, b"\1\0\0\0\0")},
            )
        ]
    ),
    "zero padding after the extra fields": with_extra(b"\0\0\0", "local"),
    "Unicode path that repeats the name": with_extra(unicode_path(ENTRY.name)),
    "ZIP64 field only in the local header": raw_zip([wide(), OTHER]),
    "ZIP64 field beside plain sizes": with_extra(zip64_extra(SIZE, SIZE), "local"),
    "ZIP64 sizes in the directory": raw_zip(
        [wide(size=SATURATED, compressed_size=SATURATED, extra=zip64_extra(SIZE, SIZE))]
    ),
    "ZIP64 offset in the directory": raw_zip([replace(ENTRY, central={"offset": SATURATED, "extra": zip64_extra(0)})]),
    "redundant ZIP64 field in the directory": with_extra(zip64_extra(SIZE, SIZE)),
    "ZIP64 end record": raw_zip(PAIR, end64={}),
    "ZIP64 end record in place of the plain one": raw_zip(
        PAIR, end64={}, end={"headers": 0xFFFF, "headers_here": 0xFFFF, "size": SATURATED, "offset": SATURATED}
    ),
}


@pytest.mark.parametrize("content", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_sound_archives_are_read(content: bytes) -> None:
    members = read(content)
    with zipfile.ZipFile(io.BytesIO(content)) as expected:
        assert {member.name for member in members} == set(expected.namelist())
        for member in members:
            assert b"".join(content_of(io.BytesIO(content), member)) == expected.read(member.name)


REFUSED = {
    # names
    "duplicate name": ("archive-duplicate-name", raw_zip([ENTRY, ENTRY])),
    "file and directory of one name": (
        "archive-duplicate-name",
        raw_zip([RawEntry(name=b"acme"), RawEntry(name=b"acme/", content=b"")]),
    ),
    "file above another": ("archive-duplicate-name", raw_zip([RawEntry(name=b"acme"), RawEntry(name=b"acme/a.py")])),
    "duplicate directory": (
        "archive-duplicate-name",
        raw_zip([RawEntry(name=b"acme/", content=b""), RawEntry(name=b"acme/", content=b"")]),
    ),
    "name differs in the local header": (
        "zip-mismatch",
        raw_zip([replace(ENTRY, local={"name": b"acme/__INIT__.py"}), OTHER]),
    ),
    "duplicate name in local headers only": ("zip-mismatch", raw_zip([ENTRY, replace(ENTRY, central={"name": b"acme/b.py"})])),
    "empty name": ("archive-name-length", raw_zip([replace(ENTRY, name=b"")])),
    "overlong name": ("archive-name-length", raw_zip([replace(ENTRY, name=b"a" * 4097)])),
    "NUL in name": ("archive-name-control", raw_zip([replace(ENTRY, name=b"acme/a.py\0.txt")])),
    "newline in name": ("archive-name-control", raw_zip([replace(ENTRY, name=b"acme/a\n.py")])),
    "DEL in name": ("archive-name-control", raw_zip([replace(ENTRY, name=b"acme/a\x7f.py")])),
    "bidirectional control in name": (
        "archive-name-control",
        raw_zip([replace(ENTRY, name="acme/\u202eyp.a".encode(), flags=UTF8)]),
    ),
    "line separator in name": ("archive-name-control", raw_zip([replace(ENTRY, name="a\u2028b".encode(), flags=UTF8)])),
    "backslash in name": ("archive-name-backslash", raw_zip([replace(ENTRY, name=b"acme\\a.py")])),
    "name not UTF-8": ("archive-name-encoding", raw_zip([replace(ENTRY, name=b"acme/\xff.py", flags=UTF8)])),
    "UTF-8 name without its flag": ("archive-name-encoding", raw_zip([replace(ENTRY, name="größe".encode())])),
    "UTF-8 flag in the directory only": (
        "zip-mismatch",
        raw_zip([replace(ENTRY, name="größe".encode(), flags=UTF8, local={"flags": 0})]),
    ),
    "absolute name": ("archive-name-absolute", raw_zip([replace(ENTRY, name=b"/etc/passwd")])),
    "drive letter": ("archive-name-absolute", raw_zip([replace(ENTRY, name=b"C:/windows/a")])),
    "parent in name": ("archive-name-parent", raw_zip([replace(ENTRY, name=b"acme/../../a.py")])),
    "dot component": ("archive-name-component", raw_zip([replace(ENTRY, name=b"./acme/a.py")])),
    "empty component": ("archive-name-component", raw_zip([replace(ENTRY, name=b"acme//a.py")])),
    # one member, two stories
    "size differs": ("zip-mismatch", raw_zip([replace(OTHER, local={"size": 1}), ENTRY])),
    "compressed size differs": ("zip-mismatch", raw_zip([replace(OTHER, local={"compressed_size": 1}), ENTRY])),
    "checksum differs": ("zip-mismatch", raw_zip([replace(ENTRY, local={"crc": 1}), OTHER])),
    "method differs": ("zip-mismatch", raw_zip([replace(ENTRY, local={"method": DEFLATED}), OTHER])),
    "descriptor flag differs": ("zip-mismatch", raw_zip([replace(ENTRY, local={"flags": STREAMED}), OTHER])),
    "encrypted in the local header only": ("zip-mismatch", raw_zip([replace(ENTRY, local={"flags": 1}), OTHER])),
    "stored with two sizes": ("zip-size", raw_zip([replace(ENTRY, local={"size": 1}, central={"size": 1})])),
    # what no wheel needs
    "data descriptor": ("zip-data-descriptor", raw_zip([streamed_entry(descriptor(ENTRY.content, SIZE))])),
    "encrypted": ("zip-encrypted", raw_zip([replace(ENTRY, flags=1)])),
    "strong encryption": ("zip-flags", raw_zip([replace(ENTRY, flags=1 << 6)])),
    "masked directory": ("zip-flags", raw_zip([replace(ENTRY, flags=1 << 13)])),
    "compressed by bzip2": ("zip-method", raw_zip([replace(ENTRY, method=12)])),
    "newer format needed": ("zip-version", raw_zip([replace(ENTRY, central={"needed": 64})])),
    "symbolic link": ("zip-file-type", raw_zip([replace(ENTRY, central={"external": (stat.S_IFLNK | 0o777) << 16})])),
    "device": ("zip-file-type", raw_zip([replace(ENTRY, central={"external": (stat.S_IFCHR | 0o666) << 16})])),
    "fifo": ("zip-file-type", raw_zip([replace(ENTRY, central={"external": (stat.S_IFIFO | 0o666) << 16})])),
    "directory mode on a file": ("zip-file-type", raw_zip([replace(ENTRY, central={"external": stat.S_IFDIR << 16})])),
    "directory with content": ("zip-size", raw_zip([replace(ENTRY, name=b"acme/")])),
    "member comment": ("zip-comment", raw_zip([replace(ENTRY, central={"comment": b"PK"})])),
    "member on another disk": ("zip-directory", raw_zip([replace(ENTRY, central={"disk": 1})])),
    # extra fields
    "two ZIP64 fields": ("zip-extra-field", with_extra(zip64_extra(SIZE) * 2)),
    "two Unicode paths": ("zip-extra-field", with_extra(unicode_path(ENTRY.name) * 2)),
    "Unicode path of another name": ("zip-extra-field", with_extra(unicode_path(b"acme/evil.py"))),
    "Unicode path with a wrong checksum": ("zip-extra-field", with_extra(unicode_path(ENTRY.name, crc=1))),
    "Unicode path of version 2": ("zip-extra-field", with_extra(unicode_path(ENTRY.name, version=2))),
    "Unicode path cut off": ("zip-extra-field", with_extra(extra_field(0x7075, b"\1\0"))),
    "Unicode path in the local header": ("zip-extra-field", with_extra(unicode_path(b"acme/evil.py"), "local")),
    "extra field over its end": ("zip-extra-field", with_extra(struct.pack("<HH", 0x5455, 9) + b"\0")),
    "bytes after the extra fields": ("zip-extra-field", with_extra(b"\1\2")),
    "ZIP64 field of an odd size": ("zip-extra-field", with_extra(extra_field(1, b"\0" * 7))),
    "ZIP64 field contradicts plain size": ("zip-extra-field", with_extra(zip64_extra(SIZE + 1))),
    "local ZIP64 field contradicts plain size": ("zip-extra-field", with_extra(zip64_extra(SIZE + 1, SIZE), "local")),
    "local ZIP64 field with one size": ("zip-extra-field", with_extra(zip64_extra(SIZE), "local")),
    "saturated without ZIP64 field": ("zip-extra-field", raw_zip([wide(size=SATURATED)])),
    "local saturated without ZIP64 field": ("zip-extra-field", raw_zip([replace(ENTRY, local={"size": SATURATED})])),
    "ZIP64 field longer than needed": (
        "zip-extra-field",
        raw_zip([wide(compressed_size=SATURATED, extra=zip64_extra(SIZE, SIZE))]),
    ),
    "ZIP64 size differs from local": (
        "zip-mismatch",
        raw_zip([wide(size=SATURATED, compressed_size=SATURATED, extra=zip64_extra(9, 9))]),
    ),
    # the records in their places
    "bytes in front": ("archive-not-zip", raw_zip(PAIR, prefix=b"#!/bin/sh\n")),
    "unlisted member in front": ("zip-prefix", raw_zip([replace(OTHER, is_listed=False), ENTRY])),
    "unlisted member between": ("zip-gap", raw_zip([ENTRY, replace(OTHER, name=b"b", is_listed=False), OTHER])),
    "unlisted member at the end": ("zip-gap", raw_zip([ENTRY, replace(OTHER, is_listed=False)])),
    "bytes between members": ("zip-gap", raw_zip([replace(ENTRY, after=b"hidden"), OTHER])),
    "bytes in front of the directory": ("zip-gap", raw_zip(PAIR, before_directory=b"hidden")),
    "bytes after the directory": ("zip-end-record", raw_zip(PAIR, after_directory=b"hidden")),
    "unknown record in front of the directory": ("zip-gap", raw_zip(PAIR, before_directory=b"PK\x06\x08" + bytes(4))),
    "member without local header": ("zip-local-header", raw_zip([ENTRY, replace(OTHER, is_present=False)])),
    "unknown local signature": ("zip-local-header", raw_zip([ENTRY, replace(OTHER, local={"signature": b"PK\x03\x05"})])),
    "unknown central signature": ("zip-directory", raw_zip([ENTRY, replace(OTHER, central={"signature": b"PK\x01\x03"})])),
    "two headers for one local header": ("zip-overlap", raw_zip([ENTRY, replace(OTHER, central={"offset": 0})])),
    "member that overlaps the next": (
        "zip-overlap",
        raw_zip([replace(ENTRY, local={"size": 20, "compressed_size": 20}, central={"size": 20, "compressed_size": 20}), OTHER]),
    ),
    "member that overlaps the directory": (
        "zip-overlap",
        raw_zip([replace(ENTRY, local={"size": 20, "compressed_size": 20}, central={"size": 20, "compressed_size": 20})]),
    ),
    "offset behind the file": ("zip-gap", raw_zip([ENTRY, replace(OTHER, central={"offset": 2**31})])),
    # the end
    "trailing bytes": ("zip-end-missing", raw_zip(PAIR, trailing=b"\0")),
    "archive comment": ("zip-end-missing", raw_zip(PAIR, end={"comment": b"hello"})),
    "comment that looks like an end record": ("zip-end-record", raw_zip(PAIR, end={"comment": raw_zip([])})),
    "no end": ("zip-end-missing", raw_zip(PAIR)[:-30]),
    "shorter than an end record": ("zip-end-record", b"PK\x03\x04"),
    "empty file": ("archive-not-zip", b""),
    "two archives in one": ("zip-end-record", raw_zip([OTHER]) + raw_zip([ENTRY])),
    "too few headers stated": ("zip-directory", raw_zip(PAIR, end={"headers": 1, "headers_here": 1})),
    "too many headers stated": ("zip-truncated", raw_zip(PAIR, end={"headers": 3, "headers_here": 3})),
    "two counts": ("zip-end-record", raw_zip(PAIR, end={"headers_here": 1})),
    "wrong directory size": ("zip-end-record", raw_zip(PAIR, end={"size": 60})),
    "wrong directory offset": ("zip-end-record", raw_zip(PAIR, end={"offset": 60})),
    "directory moved, sum kept": ("zip-directory", moved_directory()),
    "second of two disks": ("zip-end-record", raw_zip(PAIR, end={"disk": 1})),
    "directory on another disk": ("zip-end-record", raw_zip(PAIR, end={"directory_disk": 1})),
    "ZIP64 end contradicts": ("zip-end-record", raw_zip(PAIR, end64={"headers": 1, "headers_here": 1})),
    "ZIP64 end with extensible data": ("zip-end-record", raw_zip(PAIR, end64={"extensible": b"\0" * 8})),
    "ZIP64 end of a wrong size": ("zip-end-record", raw_zip(PAIR, end64={"record_size": 45})),
    "ZIP64 locator that points elsewhere": ("zip-end-record", raw_zip(PAIR, end64={"locator_offset": 0})),
    "ZIP64 locator of two disks": ("zip-end-record", raw_zip(PAIR, end64={"disks": 2})),
    "saturated end without ZIP64 end": ("zip-end-record", raw_zip(PAIR, end={"offset": SATURATED})),
}  # fmt: skip


@pytest.mark.parametrize(("code", "content"), REFUSED.values(), ids=REFUSED.keys())
def test_unsound_archives_are_refused(code: str, content: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        read(content)
    assert refusal.value.code == code
    assert refusal.value.detail.isascii()
    assert refusal.value.detail.isprintable()


DESCRIPTORS = {
    "signed": descriptor(ENTRY.content, SIZE),
    "unsigned": descriptor(ENTRY.content, SIZE, signature=b""),
    "signed and wide": descriptor(ENTRY.content, SIZE, wide=True),
    "unsigned and wide": descriptor(ENTRY.content, SIZE, signature=b"", wide=True),
}


@pytest.mark.parametrize("after", DESCRIPTORS.values(), ids=DESCRIPTORS.keys())
def test_descriptors_are_read_where_allowed(after: bytes) -> None:
    members = read(raw_zip([streamed_entry(after), OTHER]), streamed=True)
    assert [member.size for member in members] == [SIZE, len(OTHER.content)]


WRONG_DESCRIPTORS = {
    "other checksum": ("zip-mismatch", streamed_entry(descriptor(b"x" * SIZE, SIZE))),
    "other size": ("zip-mismatch", streamed_entry(descriptor(ENTRY.content, SIZE + 1))),
    "wrong signature": ("zip-gap", streamed_entry(descriptor(ENTRY.content, SIZE, signature=b"PK\x07\x09"))),
    "missing": ("zip-gap", streamed_entry(b"")),
    "with bytes behind it": ("zip-gap", streamed_entry(descriptor(ENTRY.content, SIZE) + b"\0")),
    "local size of its own": ("zip-mismatch", streamed_entry(descriptor(ENTRY.content, SIZE), size=5)),
    "local checksum of its own": ("zip-mismatch", streamed_entry(descriptor(ENTRY.content, SIZE), crc=5)),
}


@pytest.mark.parametrize(("code", "entry"), WRONG_DESCRIPTORS.values(), ids=WRONG_DESCRIPTORS.keys())
def test_wrong_descriptors_are_refused_where_descriptors_are_allowed(code: str, entry: RawEntry) -> None:
    with pytest.raises(Invalid) as refusal:
        read(raw_zip([entry, OTHER]), streamed=True)
    assert refusal.value.code == code


def test_a_zip_written_to_a_pipe_is_read_where_allowed() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *args: object) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("acme/a.py", b"A = 1\n" * 9)
    assert [member.name for member in read(pipe.getvalue(), streamed=True)] == ["acme/a.py"]
    with pytest.raises(Invalid, match="data descriptor"):
        read(pipe.getvalue())


def test_a_count_above_the_cap_is_refused_before_the_directory_is_read() -> None:
    content = raw_zip(
        PAIR, end64={"headers": 10**6, "headers_here": 10**6}, end={"headers": 0xFFFF, "headers_here": 0xFFFF}
    )
    with pytest.raises(Invalid, match="more than 200000 members") as refusal:
        read(content)
    assert refusal.value.code == "archive-too-many-members"


def test_the_cap_on_members_is_inclusive() -> None:
    assert len(read(raw_zip(PAIR), limits=ArchiveLimits(max_members=2))) == 2
    with pytest.raises(Invalid) as refusal:
        read(raw_zip(PAIR), limits=ArchiveLimits(max_members=1))
    assert refusal.value.code == "archive-too-many-members"


def test_names_have_a_total_length() -> None:
    total = len(ENTRY.name) + len(OTHER.name)
    assert read(raw_zip(PAIR), limits=ArchiveLimits(max_names_size=total))
    with pytest.raises(Invalid) as refusal:
        read(raw_zip(PAIR), limits=ArchiveLimits(max_names_size=total - 1))
    assert refusal.value.code == "archive-names-too-long"


def test_the_ceiling_is_held_against_declared_sizes() -> None:
    content = write_zip([("zeros", bytes(100_000))])
    limits = ArchiveLimits(ratio_floor=100_000)
    assert read(content, limits=limits)
    with pytest.raises(Invalid) as refusal:
        read(content, limits=replace(limits, ratio_floor=99_999))
    assert refusal.value.code == "archive-decompression-ceiling"


def test_a_tar_header_inside_the_first_member_makes_a_polyglot() -> None:
    head = raw_zip([ENTRY])[: 30 + len(ENTRY.name)]
    block = bytearray(head.ljust(512, b"\0"))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    content = bytes(block[len(head) :])
    # the checksum covers the header, so it is made for the header that this content leads to
    entry = RawEntry(content=content)
    for _ in range(8):
        block = bytearray(raw_zip([entry])[:512])
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        entry = replace(entry, content=bytes(block[len(head) :]), local={"crc": 0}, central={"crc": 0})
    with pytest.raises(Invalid) as refusal:
        read(raw_zip([entry]))
    assert refusal.value.code == "archive-polyglot"
