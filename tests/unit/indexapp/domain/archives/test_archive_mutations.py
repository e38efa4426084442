"""Damaged archives: never anything but a refusal, or an archive that Python's own readers see in the same way."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from indexapp.domain.archives import ArchiveLimits, inspect_sdist, inspect_wheel
from indexapp.domain.archives.zip_framing import read_members
from tests.builders.raw_zips import RawEntry, descriptor, raw_zip
from tests.builders.sdists import build_sdist, tar_entry, write_tar
from tests.builders.wheels import build_wheel
from tpi_site.kit.errors import Invalid

WHEEL = build_wheel(licenses={"LICENSE": b"Free.\n"}, entry_points=b"[console_scripts]\na = b:c\n")
STORED_WHEEL = build_wheel(compression=zipfile.ZIP_STORED)
ZIP_SDIST = build_sdist(suffix=".zip")
TAR_SDIST = build_sdist()
TAR = write_tar(
    [
        tar_entry("acme-1.0", kind=tarfile.DIRTYPE),
        tar_entry("acme-1.0/PKG-INFO", b"Metadata-Version: 2.1\n"),
        tar_entry("acme-1.0/größe/" + "a" * 120, b"content"),
        tar_entry("acme-1.0/link", kind=tarfile.SYMTYPE, link="PKG-INFO"),
        tar_entry("acme-1.0/hard", kind=tarfile.LNKTYPE, link="acme-1.0/PKG-INFO"),
    ]
)
STREAMED = raw_zip(
    [
        RawEntry(name=name, flags=8, after=descriptor(RawEntry().content, 12), local={"crc": 0, "size": 0})
        for name in (b"a/PKG-INFO", b"a/b")
    ],
    end64={},
)

Edit = tuple[int, int, bytes]
EDITS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=4)
BYTES = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=3)
MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def edited(content: bytes, edits: list[Edit]) -> bytes:
    """Replace runs of bytes by others, of the same or another length: flips, cuts and insertions."""
    for position, removed, inserted in edits:
        at = position % (len(content) + 1)
        content = content[:at] + inserted + content[at + removed :]
    return content


def inspected(inspect: Callable[[], object]) -> bool:
    """Tell whether the archive was accepted; everything else must be a refusal."""
    try:
        inspect()
    except Invalid:
        return False
    return True


def names_and_content(file: io.BytesIO) -> set[str]:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return set(archive.namelist())


@MANY
@given(EDITS, st.sampled_from([WHEEL, STORED_WHEEL]))
def test_damaged_wheels(edits: list[Edit], wheel: tuple[str, bytes]) -> None:
    content = edited(wheel[1], edits)
    if inspected(lambda: inspect_wheel(io.BytesIO(content), filename=wheel[0])):
        assert names_and_content(io.BytesIO(content)) == names_and_content(io.BytesIO(wheel[1]))


@MANY
@given(BYTES, st.sampled_from([STREAMED, raw_zip([RawEntry(name=b"a/PKG-INFO"), RawEntry(name=b"a/b")])]))
def test_zip_records_with_other_values(changes: list[tuple[int, int]], original: bytes) -> None:
    content = bytearray(original)
    for position, value in changes:
        content[position % len(content)] = value
    file = io.BytesIO(content)
    limits = ArchiveLimits()
    if inspected(lambda: inspect_sdist(file, filename="a-1.zip", allow_data_descriptors=True)):
        members = read_members(file, limits, allow_data_descriptors=True)
        assert names_and_content(file) == {member.name for member in members}


@MANY
@given(EDITS)
def test_damaged_zip_sdists(edits: list[Edit]) -> None:
    content = edited(ZIP_SDIST.content, edits)
    if inspected(lambda: inspect_sdist(io.BytesIO(content), filename="a-1.zip")):
        names_and_content(io.BytesIO(content))


@MANY
@given(EDITS)
def test_damaged_gzip_streams(edits: list[Edit]) -> None:
    content = edited(TAR_SDIST.content, edits)
    inspected(lambda: inspect_sdist(io.BytesIO(content), filename="a-1.tar.gz"))


@MANY
@given(EDITS)
def test_damaged_tar_streams(edits: list[Edit]) -> None:
    content = gzip.compress(edited(TAR, edits), 1)
    inspected(lambda: inspect_sdist(io.BytesIO(content), filename="a-1.tar.gz"))


def with_true_checksums(tar: bytes) -> bytes:
    """Make the checksum right of every block that has the magic of a header."""
    blocks = [bytearray(tar[at : at + 512]) for at in range(0, len(tar), 512)]
    for block in blocks:
        if block[257:262] == b"ustar" and len(block) == 512:
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
    return b"".join(blocks)


@MANY
@given(BYTES)
@example([(1024 * 2 + 156, ord("L"))])
def test_tar_headers_with_other_values(changes: list[tuple[int, int]]) -> None:
    tar = bytearray(TAR)
    for position, value in changes:
        # most of an archive is content and padding; aim at the parts of headers that are in use
        block, field = divmod(position, 160)
        tar[block * 512 % len(tar) + field] = value
    content = gzip.compress(with_true_checksums(bytes(tar)), 1)
    found = []
    if inspected(lambda: found.append(inspect_sdist(io.BytesIO(content), filename="a-1.tar.gz"))):
        (inspection,) = found
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            assert {member.name.rstrip("/") for member in archive if not member.isdir()} == inspection.files
            assert archive.extractfile(f"{inspection.top_directory}/PKG-INFO").read() == inspection.metadata


@MANY
@given(st.binary(max_size=600))
def test_noise(noise: bytes) -> None:
    local, end = b"PK\x03\x04", struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(noise), 4, 0)
    assert not inspected(lambda: inspect_wheel(io.BytesIO(local + noise + end), filename=WHEEL.filename))
    assert not inspected(lambda: inspect_sdist(io.BytesIO(noise), filename="a-1.zip"))
    assert not inspected(lambda: inspect_sdist(io.BytesIO(b"\x1f\x8b\x08\0" + noise), filename="a-1.tar.gz"))
    assert not inspected(lambda: inspect_sdist(io.BytesIO(gzip.compress(noise)), filename="a-1.tar.gz"))


@MANY
@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200))
def test_noise_in_the_files_of_a_wheel(record: bytes, wheel: bytes, entry_points: bytes) -> None:
    built = build_wheel(record=record)
    assert not inspected(lambda: inspect_wheel(io.BytesIO(built.content), filename=built.filename))
    built = build_wheel(wheel=b"Wheel-Version: 1.0\n" + wheel, entry_points=b"[console_scripts]\n" + entry_points)
    inspected(lambda: inspect_wheel(io.BytesIO(built.content), filename=built.filename, strict_tags=True))


@MANY
@given(st.text(max_size=80))
def test_noise_in_the_file_name(filename: str) -> None:
    for name in (
        filename,
        f"{filename}.whl",
        f"acme_tool-{filename}-py3-none-any.whl",
        f"acme_tool-1.0-{filename}.whl",
    ):
        inspected(lambda name=name: inspect_wheel(io.BytesIO(WHEEL.content), filename=name))
