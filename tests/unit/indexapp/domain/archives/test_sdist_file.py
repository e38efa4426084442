"""Sdists as tar and ZIP: what a sound one tells, and a named case for each rule that can be broken."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile

import pytest

from indexapp.domain.archives import ArchiveLimits, SdistInspection, inspect_sdist, require_sdist_licenses
from tests.builders.raw_zips import RawEntry, raw_zip
from tests.builders.sdists import TarEntry, build_sdist, tar_entry, write_tar, write_tar_gz
from tests.builders.wheels import write_zip
from tpi_site.kit.errors import Invalid

PKG_INFO = tar_entry("acme-1.0/PKG-INFO", b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
MODULE = tar_entry("acme-1.0/acme.py", b"ANSWER = 42\n")
TOP = tar_entry("acme-1.0", kind=tarfile.DIRTYPE)
TAR = write_tar([TOP, PKG_INFO, MODULE])
GLOBAL = b"g"


def inspect(content: bytes, *, filename: str = "acme-1.0.tar.gz", **options: object) -> SdistInspection:
    return inspect_sdist(io.BytesIO(content), filename=filename, **options)


def tar_gz(*entries: TarEntry, form: int = tarfile.PAX_FORMAT) -> bytes:
    return write_tar_gz([PKG_INFO, *entries], form=form)


def symlink(target: str, name: str = "acme-1.0/docs/link") -> TarEntry:
    return tar_entry(name, kind=tarfile.SYMTYPE, link=target)


def hard_link(target: str, name: str = "acme-1.0/copy.py") -> TarEntry:
    return tar_entry(name, kind=tarfile.LNKTYPE, link=target)


def pax_record(key: str, value: str | bytes) -> bytes:
    body = f" {key}=".encode() + (value if isinstance(value, bytes) else value.encode()) + b"\n"
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length += 1
    return str(length).encode() + body


def extended(content: bytes, kind: bytes = b"x") -> TarEntry:
    return tar_entry("extended", content, kind=kind)


def pax(**records: str | bytes) -> TarEntry:
    return extended(b"".join(pax_record(key.replace("__", "."), value) for key, value in records.items()))


def patched(entry: TarEntry, at: int, value: bytes) -> bytes:
    """An archive whose last member has ``value`` at byte ``at`` of its header, with the checksum made right."""
    header = bytearray(entry[0].tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict"))
    header[at : at + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    content = entry[1] + bytes(-len(entry[1]) % 512)
    return gzip.compress(write_tar([PKG_INFO])[:-1024] + bytes(header) + content + bytes(1024))


def with_gzip_name(name: bytes) -> bytes:
    return struct.pack("<4BL2B", 31, 139, 8, 8, 0, 0, 255) + name + b"\0" + gzip.compress(TAR)[10:]


def gnu_tar_of_long_names() -> bytes:
    return tar_gz(tar_entry("acme-1.0/" + "d/" * 60 + "a.py", b"1"), symlink("x" * 150), form=tarfile.GNU_FORMAT)


def test_a_sound_tar_tells_what_it_holds() -> None:
    assert inspect(gzip.compress(TAR)) == SdistInspection(
        metadata=PKG_INFO[1],
        top_directory="acme-1.0",
        is_content_checked=True,
        members=3,
        total_size=len(TAR),
        files=frozenset({"acme-1.0/PKG-INFO", "acme-1.0/acme.py"}),
    )


def test_a_sound_zip_tells_what_it_holds() -> None:
    content = write_zip([("acme-1.0/", b""), ("acme-1.0/PKG-INFO", PKG_INFO[1]), ("acme-1.0/acme.py", MODULE[1])])
    assert inspect(content, filename="acme-1.0.zip") == SdistInspection(
        metadata=PKG_INFO[1],
        top_directory="acme-1.0",
        is_content_checked=True,
        members=3,
        total_size=len(PKG_INFO[1]) + len(MODULE[1]),
        files=frozenset({"acme-1.0/PKG-INFO", "acme-1.0/acme.py"}),
    )


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_the_builder_makes_sound_sdists(suffix: str) -> None:
    built = build_sdist("Acme.Tool", "2.0", suffix=suffix, licenses={"LICENSE": b"Free.\n"})
    inspection = inspect(built.content, filename=built.filename)
    assert inspection.top_directory == "acme_tool-2.0"
    require_sdist_licenses(inspection, ["LICENSE"])


ACCEPTED = {
    "plain": tar_gz(MODULE),
    "top directory first": write_tar_gz([TOP, PKG_INFO, MODULE]),
    "ustar": write_tar_gz([TOP, PKG_INFO, MODULE], form=tarfile.USTAR_FORMAT),
    "GNU": write_tar_gz([TOP, PKG_INFO, MODULE], form=tarfile.GNU_FORMAT),
    "made by tar -C dir .": write_tar_gz(
        [tar_entry(".", kind=tarfile.DIRTYPE), tar_entry("./acme-1.0/PKG-INFO", PKG_INFO[1])]
    ),
    "other top directory than the file name": write_tar_gz([tar_entry("Acme_1/PKG-INFO", PKG_INFO[1])]),
    "PKG-INFO elsewhere too": tar_gz(tar_entry("acme-1.0/acme.egg-info/PKG-INFO", b"other")),
    "directory named twice": write_tar_gz([TOP, TOP, PKG_INFO]),
    "names that differ in case": tar_gz(MODULE, tar_entry("acme-1.0/ACME.py")),
    "long names, GNU": gnu_tar_of_long_names(),
    "long names, pax": tar_gz(tar_entry("acme-1.0/" + "d" * 120 + "/" + "e" * 120, b"1")),
    "long name, ustar prefix": tar_gz(tar_entry("acme-1.0/" + "d" * 90 + "/a.py", b"1"), form=tarfile.USTAR_FORMAT),
    "name outside ASCII": tar_gz(tar_entry("acme-1.0/größe.txt", b"1")),
    "git's global header": write_tar_gz([extended(pax_record("comment", "0" * 40), GLOBAL), PKG_INFO]),
    "pax times": tar_gz(pax(mtime="1.5", SCHILY__dev="1"), MODULE),
    "pax size": tar_gz(pax(size="12"), MODULE),
    "pax charset UTF-8": tar_gz(pax(hdrcharset="ISO-IR 10646 2000 UTF-8"), MODULE),
    "size in base 256": patched(MODULE, 124, b"\x80" + bytes(10) + b"\x0c"),
    "size in octal with spaces": patched(MODULE, 124, b"        14 \0"),
    "time before 1970": patched(MODULE, 136, b"\xff" * 12),
    "version 7 file": patched(MODULE, 156, b"\0"),
    "version 7 directory": patched(tar_entry("acme-1.0/d/"), 156, b"\0"),
    "empty file": tar_gz(tar_entry("acme-1.0/empty")),
    "content of a whole block": tar_gz(tar_entry("acme-1.0/block", b"x" * 512)),
    "link to a neighbour": tar_gz(symlink("a.py")),
    "link up to the top": tar_gz(symlink("../acme.py")),
    "link to the top directory": tar_gz(symlink("..")),
    "link to a name with dots": tar_gz(symlink("..a../b")),
    "hard link to an earlier file": tar_gz(MODULE, hard_link("acme-1.0/acme.py")),
    "hard link to a hard link": tar_gz(MODULE, hard_link("acme-1.0/acme.py"), hard_link("./acme-1.0/copy.py", "acme-1.0/c")),
    "one zero block at the end": gzip.compress(TAR[:-512]),
    "padded to a tape record": gzip.compress(TAR.ljust(10_240, b"\0")),
    "gzip with a file name": with_gzip_name(b"acme.tar"),
    "signature of a ZIP end by chance": with_gzip_name(b"PK\5\6" + b"\x01" * 18),
    "signature of a ZIP end by chance, with a huge size": with_gzip_name(b"PK\5\6" + b"\x7f" * 18),
    "top directory . not first": tar_gz(tar_entry(".", kind=tarfile.DIRTYPE)),
    "rubbish in an unused link name": patched(MODULE, 157, b"\xff"),
}  # fmt: skip


@pytest.mark.parametrize("content", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_sound_tars_are_accepted(content: bytes) -> None:
    inspection = inspect(content)
    assert inspection.metadata == PKG_INFO[1]
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = {member.name.removeprefix("./") for member in archive if not member.isdir()}
        assert inspection.files == names
        assert inspection.members == len(archive.getnames())


NAMES = {
    "absolute": ("archive-name-absolute", "/acme-1.0/a.py"),
    "drive letter": ("archive-name-absolute", "C:acme-1.0/a.py"),
    "parent": ("archive-name-parent", "acme-1.0/../a.py"),
    "parent at the end": ("archive-name-parent", "acme-1.0/.."),
    "newline": ("archive-name-control", "acme-1.0/a\n.py"),
    "escape": ("archive-name-control", "acme-1.0/\x1b[2J"),
    "bidirectional": ("archive-name-control", "acme-1.0/\u202eyp.a"),
    "backslash": ("archive-name-backslash", "acme-1.0/..\\a.py"),
    "overlong": ("archive-name-length", "acme-1.0/" + "a" * 4096),
    "only a dot": ("archive-name-length", "."),
    "empty": ("archive-name-length", ""),
}


@pytest.mark.parametrize(("code", "name"), NAMES.values(), ids=NAMES.keys())
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_bad_names_are_refused(code: str, name: str, form: int) -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(tar_gz(tar_entry(name, b"1"), form=form))
    assert refusal.value.code == code


REFUSED = {
    # names
    "name not UTF-8": ("archive-name-encoding", patched(MODULE, 9, b"\xff")),
    "pax name not UTF-8": ("archive-name-encoding", tar_gz(pax(path=b"acme-1.0/\xff"), MODULE)),
    "NUL in a pax name": ("archive-name-control", tar_gz(pax(path="acme-1.0/a\0b"), MODULE)),
    "duplicate file": ("archive-duplicate-name", tar_gz(MODULE, MODULE)),
    "duplicate file, spelled otherwise": ("archive-duplicate-name", tar_gz(MODULE, tar_entry("./acme-1.0//acme.py"))),
    "file and directory": ("archive-duplicate-name", tar_gz(MODULE, tar_entry("acme-1.0/acme.py", kind=tarfile.DIRTYPE))),
    "link in place of a file": ("archive-duplicate-name", tar_gz(MODULE, symlink("a", "acme-1.0/acme.py"))),
    "directory, then file": ("archive-duplicate-name", write_tar_gz([TOP, PKG_INFO, tar_entry("acme-1.0")])),
    "file above another": ("archive-duplicate-name", tar_gz(MODULE, tar_entry("acme-1.0/acme.py/b"))),
    "file written through a link": ("archive-duplicate-name", tar_gz(symlink("..", "acme-1.0/d/l"), tar_entry("acme-1.0/d/l/a"))),
    "file that looks like a directory": ("tar-header", patched(tar_entry("acme-1.0/d"), 10, b"/")),
    # links
    "absolute link": ("tar-link", tar_gz(symlink("/etc/passwd"))),
    "link out of the top": ("tar-link", tar_gz(symlink("../../a"))),
    "link at the top level": ("tar-link", tar_gz(symlink("acme-1.0", "link"))),
    "link that climbs after a name": ("archive-name-parent", tar_gz(symlink("d/../../../a"))),
    "link to nothing": ("tar-link", tar_gz(symlink(""))),
    "link with a backslash": ("archive-name-backslash", tar_gz(symlink("..\\..\\a"))),
    "link with only a climbing backslash": ("archive-name-backslash", tar_gz(symlink("\\a"))),
    "link with a control character": ("archive-name-control", tar_gz(symlink("a\nb"))),
    "link not UTF-8": ("archive-name-encoding", patched(symlink("a"), 157, b"\xff")),
    "link with content": ("tar-header", tar_gz(tar_entry("acme-1.0/l", b"1", kind=tarfile.SYMTYPE, link="a"))),
    "hard link to a missing file": ("tar-link", tar_gz(hard_link("acme-1.0/none"))),
    "hard link to a later file": ("tar-link", tar_gz(hard_link("acme-1.0/acme.py"), MODULE)),
    "hard link out of the archive": ("archive-name-absolute", tar_gz(hard_link("/etc/passwd"))),
    "hard link that climbs": ("archive-name-parent", tar_gz(MODULE, hard_link("acme-1.0/../acme-1.0/acme.py"))),
    "hard link to a symbolic link": ("tar-link", tar_gz(symlink("x"), hard_link("acme-1.0/docs/link"))),
    "hard link to a directory": ("tar-link", write_tar_gz([TOP, PKG_INFO, hard_link("acme-1.0")])),
    "hard link to nothing": ("tar-link", tar_gz(hard_link(""))),
    # kinds
    "character device": ("tar-file-type", tar_gz(tar_entry("acme-1.0/d", kind=tarfile.CHRTYPE))),
    "block device": ("tar-file-type", tar_gz(tar_entry("acme-1.0/d", kind=tarfile.BLKTYPE))),
    "fifo": ("tar-file-type", tar_gz(tar_entry("acme-1.0/d", kind=tarfile.FIFOTYPE))),
    "contiguous file": ("tar-file-type", tar_gz(tar_entry("acme-1.0/d", kind=tarfile.CONTTYPE))),
    "volume label": ("tar-file-type", tar_gz(tar_entry("acme-1.0/d", kind=b"V"))),
    "unknown kind": ("tar-file-type", tar_gz(tar_entry("acme-1.0/d", kind=b"\xfe"))),
    "GNU sparse": ("tar-sparse", tar_gz(tar_entry("acme-1.0/s", kind=tarfile.GNUTYPE_SPARSE))),
    "pax sparse 0.1": ("tar-sparse", tar_gz(pax(GNU__sparse__map="0,1"), MODULE)),
    "pax sparse 1.0": ("tar-sparse", tar_gz(pax(GNU__sparse__major="1", GNU__sparse__minor="0"), MODULE)),
    "star's sparse": ("tar-sparse", tar_gz(pax(SCHILY__realsize="99"), MODULE)),
    "global sparse": ("tar-sparse", tar_gz(extended(pax_record("GNU.sparse.size", "9"), GLOBAL), MODULE)),
    "directory with content": ("tar-header", tar_gz(tar_entry("acme-1.0/d", b"1", kind=tarfile.DIRTYPE))),
    # headers
    "wrong checksum": ("tar-checksum", gzip.compress(TAR.replace(b"acme.py", b"acmf.py"))),
    "checksum that is no number": ("tar-checksum", gzip.compress(b"x" * 512 + TAR)),
    "not a tar at all": ("tar-checksum", gzip.compress(b"hello" * 1000)),
    "negative size": ("tar-header", patched(MODULE, 124, b"\xff" * 12)),
    "huge size": ("tar-header", patched(MODULE, 124, b"\x80" + b"\xff" * 11)),
    "size that is no number": ("tar-header", patched(MODULE, 124, b"0x12")),
    "size above the rest": ("tar-truncated", patched(MODULE, 124, b"77777777777\0")),
    "mode that is no number": ("tar-header", patched(MODULE, 100, b"rw-r--r--"[:8])),
    "time that is no number": ("tar-header", patched(MODULE, 136, b"yesterday")),
    "prefix in an old format": ("tar-header", patched(tar_entry("acme-1.0/a"), 257, b"ustar  \0".ljust(88, b"\0") + b"etc")),
    "pax that is no pax": ("tar-header", tar_gz(extended(b"hello"), MODULE)),
    "pax length too long": ("tar-header", tar_gz(extended(b"99 path=a\n"), MODULE)),
    "pax length zero": ("tar-header", tar_gz(extended(b"0 path=a\n"), MODULE)),
    "pax length endless": ("tar-header", tar_gz(extended(b"9" * 5000 + b" path=a\n"), MODULE)),
    "pax length inside its key": ("tar-header", tar_gz(extended(b"5 path=a\n"), MODULE)),
    "pax without key": ("tar-header", tar_gz(extended(b"5 =a\n"), MODULE)),
    "pax without value": ("tar-header", tar_gz(extended(b"7 path\n"), MODULE)),
    "pax without newline": ("tar-header", tar_gz(extended(b"10 path=ab"), MODULE)),
    "pax path twice": ("tar-header", tar_gz(extended(pax_record("path", "a") * 2), MODULE)),
    "pax size twice": ("tar-header", tar_gz(extended(pax_record("size", "12") * 2), MODULE)),
    "pax size that is no number": ("tar-header", tar_gz(pax(size="-1"), MODULE)),
    "pax size too long": ("tar-header", tar_gz(pax(size="1" * 30), MODULE)),
    "pax empty path": ("archive-name-length", tar_gz(pax(path=""), MODULE)),
    "pax charset binary": ("tar-header", tar_gz(pax(hdrcharset="BINARY"), MODULE)),
    "global path": ("tar-header", tar_gz(extended(pax_record("path", "acme-1.0/x"), GLOBAL), MODULE)),
    "global size": ("tar-header", tar_gz(extended(pax_record("size", "1"), GLOBAL), MODULE)),
    "two pax headers": ("tar-header", tar_gz(pax(mtime="1"), pax(mtime="2"), MODULE)),
    "global between pax and member": ("tar-header", tar_gz(pax(mtime="1"), extended(pax_record("comment", "a"), GLOBAL), MODULE)),
    "pax path and GNU long name": ("tar-header", tar_gz(pax(path="acme-1.0/x"), extended(b"acme-1.0/y\0", b"L"), MODULE)),
    "pax and GNU long link": ("tar-header", tar_gz(pax(linkpath="x"), extended(b"y\0", b"K"), symlink("z"))),
    "two GNU long names": ("tar-header", tar_gz(extended(b"x\0", b"L"), extended(b"y\0", b"L"), MODULE)),
    "bytes behind a GNU long name": ("tar-header", tar_gz(extended(b"acme-1.0/x\0y", b"L"), MODULE)),
    "pax header of no member": ("tar-header", tar_gz(MODULE, pax(mtime="1"))),
    "pax bomb": ("tar-header-too-large", tar_gz(pax(comment="a" * 1_100_000), MODULE)),
    "global bomb": ("tar-header-too-large", tar_gz(extended(pax_record("comment", "a" * 1_100_000), GLOBAL))),
    "GNU long name bomb": ("tar-header-too-large", tar_gz(extended(b"a" * 1_100_000, b"L"), MODULE)),
    # ends
    "no end mark": ("tar-truncated", gzip.compress(TAR[:-1024])),
    "cut off inside a header": ("tar-truncated", gzip.compress(TAR[:700])),
    "cut off inside content": ("tar-truncated", gzip.compress(TAR[: TAR.index(b"ANSWER") + 100])),
    "cut off inside PKG-INFO": ("tar-truncated", gzip.compress(TAR[: TAR.index(b"Metadata-Version") + 5])),
    "empty stream": ("tar-truncated", gzip.compress(b"")),
    "members after the end": ("tar-trailing", gzip.compress(TAR + TAR)),
    "members after one zero block": ("tar-trailing", gzip.compress(TAR[:-512] + TAR)),
    "a byte after the end": ("tar-trailing", gzip.compress(TAR + b"\1")),
    # gzip
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
    # the sdist
    "two top directories": ("sdist-top-directory", tar_gz(tar_entry("other/a.py"))),
    "file beside the top directory": ("sdist-top-directory", tar_gz(tar_entry("setup.py"))),
    "file in place of a top directory": ("sdist-top-directory", write_tar_gz([tar_entry("PKG-INFO", b"")])),
    "top directory in two cases": ("sdist-top-directory", tar_gz(tar_entry("Acme-1.0/a.py"))),
    "no PKG-INFO": ("sdist-incomplete", write_tar_gz([TOP, MODULE])),
    "PKG-INFO too deep": ("sdist-incomplete", write_tar_gz([tar_entry("acme-1.0/src/PKG-INFO", b"")])),
    "PKG-INFO is a link": ("sdist-incomplete", write_tar_gz([MODULE, symlink("acme.py", "acme-1.0/PKG-INFO")])),
    "PKG-INFO is a hard link": ("sdist-incomplete", write_tar_gz([MODULE, hard_link("acme-1.0/acme.py", "acme-1.0/PKG-INFO")])),
    "PKG-INFO is a directory": ("sdist-incomplete", write_tar_gz([TOP, tar_entry("acme-1.0/PKG-INFO", kind=tarfile.DIRTYPE)])),
    "PKG-INFO too large": ("archive-member-too-large", write_tar_gz([tar_entry("acme-1.0/PKG-INFO", bytes(8 * 1024 * 1024 + 1))])),
    "no members": ("sdist-incomplete", write_tar_gz([])),
}  # fmt: skip


@pytest.mark.parametrize(("code", "content"), REFUSED.values(), ids=REFUSED.keys())
def test_unsound_tars_are_refused(code: str, content: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(content)
    assert refusal.value.code == code
    assert refusal.value.detail.isascii()
    assert refusal.value.detail.isprintable()


REFUSED_ZIPS = {
    "two top directories": ("sdist-top-directory", write_zip([("acme-1.0/PKG-INFO", b""), ("b/a.py", b"")])),
    "file at the top": ("sdist-top-directory", write_zip([("PKG-INFO", b"")])),
    "no PKG-INFO": ("sdist-incomplete", write_zip([("acme-1.0/a.py", b"")])),
    "PKG-INFO is a directory": ("sdist-incomplete", write_zip([("acme-1.0/PKG-INFO/", b"")])),
    "no members": ("sdist-incomplete", raw_zip([])),
    "PKG-INFO too large": ("archive-member-too-large", write_zip([("a/PKG-INFO", bytes(8 * 1024 * 1024 + 1))])),
    "wrong checksum": (
        "zip-content",
        raw_zip([RawEntry(name=b"a/PKG-INFO"), RawEntry(name=b"a/b", local={"crc": 1}, central={"crc": 1})]),
    ),
    "duplicate": ("archive-duplicate-name", raw_zip([RawEntry(name=b"a/PKG-INFO")] * 2)),
    "tar.gz under a .zip name": ("archive-not-zip", gzip.compress(TAR)),
}


@pytest.mark.parametrize(("code", "content"), REFUSED_ZIPS.values(), ids=REFUSED_ZIPS.keys())
def test_unsound_zips_are_refused(code: str, content: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(content, filename="acme-1.0.zip")
    assert refusal.value.code == code


@pytest.mark.parametrize("filename", ["acme-1.0.tar.bz2", "acme-1.0.whl", "acme-1.0", "", "acme-1.0.TAR.GZ"])
def test_other_formats_are_refused(filename: str) -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(gzip.compress(TAR), filename=filename)
    assert refusal.value.code == "sdist-filename"


@pytest.mark.parametrize(("rest", "words"), [(gzip.compress(b""), "a second gzip stream"), (b"x", "other bytes")])
def test_what_follows_the_gzip_stream_is_named(rest: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=f"followed by {words};"):
        inspect(gzip.compress(TAR) + rest)


def test_a_zip_above_the_budget_is_checked_by_its_frame_and_its_metadata() -> None:
    _, content = REFUSED_ZIPS["wrong checksum"]
    inspection = inspect(content, filename="a-1.zip", limits=ArchiveLimits(record_hash_budget=3))
    assert not inspection.is_content_checked
    assert inspection.metadata == RawEntry().content


def test_members_are_capped() -> None:
    content = tar_gz(*(tar_entry(f"acme-1.0/{number}") for number in range(20)))
    assert inspect(content, limits=ArchiveLimits(max_members=21)).members == 21
    with pytest.raises(Invalid) as refusal:
        inspect(content, limits=ArchiveLimits(max_members=20))
    assert refusal.value.code == "archive-too-many-members"


def test_headers_without_members_are_capped_too() -> None:
    endless = [extended(pax_record("comment", "a"), GLOBAL)] * 100
    with pytest.raises(Invalid) as refusal:
        inspect(tar_gz(*endless), limits=ArchiveLimits(max_members=20))
    assert refusal.value.code == "archive-too-many-members"


def test_repeated_directories_are_capped_too() -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(write_tar_gz([TOP] * 200), limits=ArchiveLimits(max_members=20))
    assert refusal.value.code == "archive-too-many-members"


def test_a_tar_bomb_stops_at_the_ceiling() -> None:
    content = tar_gz(tar_entry("acme-1.0/zeros", bytes(2_000_000)))
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


def test_license_files_must_be_below_the_top_directory() -> None:
    inspection = inspect(build_sdist(licenses={"LICENSE": b"", "docs/NOTICE": b""}).content)
    require_sdist_licenses(inspection, ["LICENSE", "docs/NOTICE"])
    for missing in ("COPYING", "../LICENSE", "docs", ""):
        with pytest.raises(Invalid) as refusal:
            require_sdist_licenses(inspection, [missing])
        assert refusal.value.code == "license-file-missing"
