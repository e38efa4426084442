"""gzip streams: whole, single, not a ZIP archive as well, and below the ceiling."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile

import pytest

from indexapp.domain.archives import ArchiveLimits, SdistInspection, inspect_sdist
from tests.builders.raw_zips import RawEntry, raw_zip
from tests.builders.sdists import tar_entry, write_tar, write_tar_gz
from tpi_site.kit.errors import Invalid

PKG_INFO = tar_entry("acme-1.0/PKG-INFO", b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
MODULE = tar_entry("acme-1.0/acme.py", b"ANSWER = 42\n")
TOP = tar_entry("acme-1.0", kind=tarfile.DIRTYPE)
TAR = write_tar([TOP, PKG_INFO, MODULE])


def inspect(content: bytes, **options: object) -> SdistInspection:
    return inspect_sdist(io.BytesIO(content), filename="acme-1.0.tar.gz", **options)


def with_gzip_name(name: bytes) -> bytes:
    return struct.pack("<4BL2B", 31, 139, 8, 8, 0, 0, 255) + name + b"\0" + gzip.compress(TAR)[10:]


ACCEPTED = {
    "padded to a tape record": gzip.compress(TAR.ljust(10_240, b"\0")),
    "gzip with a file name": with_gzip_name(b"acme.tar"),
    "signature of a ZIP end by chance": with_gzip_name(b"PK\5\6" + b"\x01" * 18),
    "signature of a ZIP end by chance, with a huge size": with_gzip_name(b"PK\5\6" + b"\x7f" * 18),
}  # fmt: skip


@pytest.mark.parametrize("content", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_sound_streams_are_accepted(content: bytes) -> None:
    assert inspect(content).metadata == PKG_INFO[1]


REFUSED = {
    "not gzip": ("archive-not-gzip", TAR),
    "empty file": ("archive-not-gzip", b""),
    "gzip header only": ("gzip-corrupt", gzip.compress(TAR)[:10]),
    "gzip cut off": ("gzip-corrupt", gzip.compress(TAR)[:-9]),
    "gzip without its length": ("gzip-corrupt", gzip.compress(TAR)[:-4]),
    "gzip checksum": ("gzip-corrupt", gzip.compress(TAR)[:-8] + b"abcd" + gzip.compress(TAR)[-4:]),
    "gzip length": ("gzip-corrupt", gzip.compress(TAR)[:-4] + b"\0\0\0\0"),
    "signature of a ZIP end as the last bytes": ("gzip-corrupt", gzip.compress(TAR)[:-4] + b"PK\5\6"),
    "gzip of another method": ("gzip-corrupt", b"\x1f\x8b\x07" + gzip.compress(TAR)[3:]),
    "bytes after gzip": ("gzip-trailing", gzip.compress(TAR) + b"x"),
    "zeros after gzip": ("gzip-trailing", gzip.compress(TAR) + bytes(512)),
    "many bytes after gzip": ("gzip-trailing", gzip.compress(TAR) + b"x" * 200_000),
    "second gzip stream": ("gzip-trailing", gzip.compress(TAR) + gzip.compress(b"")),
    "tar in two gzip streams": ("gzip-trailing", gzip.compress(TAR[:1024]) + gzip.compress(TAR[1024:])),
    "ZIP after gzip": ("archive-polyglot", gzip.compress(TAR) + raw_zip([RawEntry()])),
    "ZIP with true offsets after gzip": (
        "archive-polyglot", gzip.compress(TAR) + raw_zip([RawEntry()], prefix=gzip.compress(TAR))[len(gzip.compress(TAR)) :],
    ),
    "ZIP and a comment after gzip": ("archive-polyglot", gzip.compress(TAR) + raw_zip([RawEntry()], trailing=b"x" * 60_000)),
    "ZIP64 after gzip": ("archive-polyglot", gzip.compress(TAR) + raw_zip([RawEntry()], end64={}, end={"size": 2**32 - 1})),
    "empty ZIP after gzip": ("archive-polyglot", gzip.compress(TAR) + raw_zip([])),
    "ZIP in the gzip header": (
        "archive-polyglot",
        struct.pack("<4BL2BH", 31, 139, 8, 4, 0, 0, 255, len(raw_zip([RawEntry()]))) + raw_zip([RawEntry()]) + gzip.compress(TAR)[10:],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("code", "content"), REFUSED.values(), ids=REFUSED.keys())
def test_unsound_streams_are_refused(code: str, content: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(content)
    assert refusal.value.code == code
    assert refusal.value.detail.isascii()
    assert refusal.value.detail.isprintable()


@pytest.mark.parametrize(
    ("rest", "words"), [(gzip.compress(b"", mtime=0), "a second gzip stream"), (b"x", "other bytes")]
)
def test_what_follows_the_gzip_stream_is_named(rest: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=f"followed by {words};"):
        inspect(gzip.compress(TAR) + rest)


def test_a_tar_bomb_stops_at_the_ceiling() -> None:
    content = write_tar_gz([PKG_INFO, tar_entry("acme-1.0/zeros", bytes(2_000_000))])
    exact = inspect(content).total_size
    assert inspect(content, limits=ArchiveLimits(ratio_floor=exact)).total_size == exact
    for limits in (ArchiveLimits(ratio_floor=exact - 1), ArchiveLimits(max_total_size=exact - 1)):
        with pytest.raises(Invalid) as refusal:
            inspect(content, limits=limits)
        assert refusal.value.code == "archive-decompression-ceiling"


def test_zeros_behind_the_end_count_for_the_ceiling() -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(gzip.compress(TAR + bytes(2_000_000)), limits=ArchiveLimits(ratio_floor=1_000_000))
    assert refusal.value.code == "archive-decompression-ceiling"
