"""Tar archives: a named case for each rule about members, links and headers, on both sides of it."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from indexapp.domain.archives import ArchiveLimits, SdistInspection, inspect_sdist
from tests.builders.raw_tars import GLOBAL, extended, hard_link, patched, pax, pax_record, symlink
from tests.builders.sdists import TarEntry, tar_entry, write_tar, write_tar_gz
from tpi_site.kit.errors import Invalid

PKG_INFO = tar_entry("acme-1.0/PKG-INFO", b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
MODULE = tar_entry("acme-1.0/acme.py", b"ANSWER = 42\n")
TOP = tar_entry("acme-1.0", kind=tarfile.DIRTYPE)
TAR = write_tar([TOP, PKG_INFO, MODULE])


def inspect(content: bytes, **options: object) -> SdistInspection:
    return inspect_sdist(io.BytesIO(content), filename="acme-1.0.tar.gz", **options)


def tar_gz(*entries: TarEntry, form: int = tarfile.PAX_FORMAT) -> bytes:
    return write_tar_gz([PKG_INFO, *entries], form=form)


def last(blocks: bytes) -> bytes:
    """An archive whose last member is ``blocks``."""
    return gzip.compress(write_tar([PKG_INFO])[:-1024] + blocks + bytes(1024))


def gnu_tar_of_long_names() -> bytes:
    return tar_gz(tar_entry("acme-1.0/" + "d/" * 60 + "a.py", b"1"), symlink("x" * 150), form=tarfile.GNU_FORMAT)


ACCEPTED = {
    "plain": tar_gz(MODULE),
    "top directory first": write_tar_gz([TOP, PKG_INFO, MODULE]),
    "ustar": write_tar_gz([TOP, PKG_INFO, MODULE], form=tarfile.USTAR_FORMAT),
    "GNU": write_tar_gz([TOP, PKG_INFO, MODULE], form=tarfile.GNU_FORMAT),
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
    "size in base 256": last(patched(MODULE, 124, b"\x80" + bytes(10) + b"\x0c")),
    "size in octal with spaces": last(patched(MODULE, 124, b"        14 \0")),
    "time before 1970": last(patched(MODULE, 136, b"\xff" * 12)),
    "version 7 file": last(patched(MODULE, 156, b"\0")),
    "version 7 directory": last(patched(tar_entry("acme-1.0/d/"), 156, b"\0")),
    "empty file": tar_gz(tar_entry("acme-1.0/empty")),
    "content of a whole block": tar_gz(tar_entry("acme-1.0/block", b"x" * 512)),
    "link to a neighbour": tar_gz(symlink("a.py")),
    "link up to the top": tar_gz(symlink("../acme.py")),
    "link to the top directory": tar_gz(symlink("..")),
    "link to a name with dots": tar_gz(symlink("..a../b")),
    "hard link to an earlier file": tar_gz(MODULE, hard_link("acme-1.0/acme.py")),
    "hard link to a hard link": tar_gz(MODULE, hard_link("acme-1.0/acme.py"), hard_link("./acme-1.0/copy.py", "acme-1.0/c")),
    "one zero block at the end": gzip.compress(TAR[:-512]),
    "rubbish in an unused link name": last(patched(MODULE, 157, b"\xff")),
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
    "name not UTF-8": ("archive-name-encoding", last(patched(MODULE, 9, b"\xff"))),
    "pax name not UTF-8": ("archive-name-encoding", tar_gz(pax(path=b"acme-1.0/\xff"), MODULE)),
    "NUL in a pax name": ("archive-name-control", tar_gz(pax(path="acme-1.0/a\0b"), MODULE)),
    "duplicate file": ("archive-duplicate-name", tar_gz(MODULE, MODULE)),
    "duplicate file, spelled otherwise": ("archive-duplicate-name", tar_gz(MODULE, tar_entry("./acme-1.0//acme.py"))),
    "file and directory": ("archive-duplicate-name", tar_gz(MODULE, tar_entry("acme-1.0/acme.py", kind=tarfile.DIRTYPE))),
    "link in place of a file": ("archive-duplicate-name", tar_gz(MODULE, symlink("a", "acme-1.0/acme.py"))),
    "directory, then file": ("archive-duplicate-name", write_tar_gz([TOP, PKG_INFO, tar_entry("acme-1.0")])),
    "file above another": ("archive-duplicate-name", tar_gz(MODULE, tar_entry("acme-1.0/acme.py/b"))),
    "file written through a link": ("archive-duplicate-name", tar_gz(symlink("..", "acme-1.0/d/l"), tar_entry("acme-1.0/d/l/a"))),
    "file that looks like a directory": ("tar-header", last(patched(tar_entry("acme-1.0/d"), 10, b"/"))),
    # links
    "absolute link": ("tar-link", tar_gz(symlink("/etc/passwd"))),
    "link out of the top": ("tar-link", tar_gz(symlink("../../a"))),
    "link at the top level": ("tar-link", tar_gz(symlink("acme-1.0", "link"))),
    "link that climbs after a name": ("archive-name-parent", tar_gz(symlink("d/../../../a"))),
    "link to nothing": ("tar-link", tar_gz(symlink(""))),
    "link with a backslash": ("archive-name-backslash", tar_gz(symlink("..\\..\\a"))),
    "link with only a climbing backslash": ("archive-name-backslash", tar_gz(symlink("\\a"))),
    "link with a control character": ("archive-name-control", tar_gz(symlink("a\nb"))),
    "link not UTF-8": ("archive-name-encoding", last(patched(symlink("a"), 157, b"\xff"))),
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
    "negative size": ("tar-header", last(patched(MODULE, 124, b"\xff" * 12))),
    "huge size": ("tar-header", last(patched(MODULE, 124, b"\x80" + b"\xff" * 11))),
    "size that is no number": ("tar-header", last(patched(MODULE, 124, b"0x12"))),
    "size above the rest": ("tar-truncated", last(patched(MODULE, 124, b"77777777777\0"))),
    "mode that is no number": ("tar-header", last(patched(MODULE, 100, b"rw-r--r--"[:8]))),
    "time that is no number": ("tar-header", last(patched(MODULE, 136, b"yesterday"))),
    "prefix in an old format": ("tar-header", last(patched(tar_entry("acme-1.0/a"), 257, b"ustar  \0".ljust(88, b"\0") + b"etc"))),
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
    "pax size beside the header's": ("tar-header", tar_gz(pax(size="11"), MODULE)),
    "pax size where the header says none": ("tar-header", tar_gz(pax(size="512"), tar_entry("acme-1.0/x"), MODULE)),
    "pax size of 8 GiB above the rest": ("tar-truncated", tar_gz(pax(size=str(8**11)), tar_entry("acme-1.0/a"))),
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
}  # fmt: skip


@pytest.mark.parametrize(("code", "content"), REFUSED.values(), ids=REFUSED.keys())
def test_unsound_tars_are_refused(code: str, content: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(content)
    assert refusal.value.code == code
    assert refusal.value.detail.isascii()
    assert refusal.value.detail.isprintable()


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
