"""Sdists as tar and ZIP: what a sound one tells, and a named case for each rule that can be broken."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from indexapp.domain.archives import ArchiveLimits, SdistInspection, inspect_sdist, require_sdist_licenses
from tests.builders.raw_tars import hard_link, symlink
from tests.builders.raw_zips import RawEntry, raw_zip
from tests.builders.sdists import TarEntry, build_sdist, tar_entry, write_tar, write_tar_gz
from tests.builders.wheels import write_zip
from tpi_site.kit.errors import Invalid

PKG_INFO = tar_entry("acme-1.0/PKG-INFO", b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
MODULE = tar_entry("acme-1.0/acme.py", b"ANSWER = 42\n")
TOP = tar_entry("acme-1.0", kind=tarfile.DIRTYPE)
TAR = write_tar([TOP, PKG_INFO, MODULE])


def inspect(content: bytes, *, filename: str = "acme-1.0.tar.gz", **options: object) -> SdistInspection:
    return inspect_sdist(io.BytesIO(content), filename=filename, **options)


def tar_gz(*entries: TarEntry, form: int = tarfile.PAX_FORMAT) -> bytes:
    return write_tar_gz([PKG_INFO, *entries], form=form)


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
    "made by tar -C dir .": write_tar_gz(
        [tar_entry(".", kind=tarfile.DIRTYPE), tar_entry("./acme-1.0/PKG-INFO", PKG_INFO[1])]
    ),
    "other top directory than the file name": write_tar_gz([tar_entry("Acme_1/PKG-INFO", PKG_INFO[1])]),
    "PKG-INFO elsewhere too": tar_gz(tar_entry("acme-1.0/acme.egg-info/PKG-INFO", b"other")),
    "top directory . not first": tar_gz(tar_entry(".", kind=tarfile.DIRTYPE)),
}  # fmt: skip


@pytest.mark.parametrize("content", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_sound_tars_are_accepted(content: bytes) -> None:
    inspection = inspect(content)
    assert inspection.metadata == PKG_INFO[1]
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = {member.name.removeprefix("./") for member in archive if not member.isdir()}
        assert inspection.files == names
        assert inspection.members == len(archive.getnames())


REFUSED = {
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


def test_a_zip_above_the_budget_is_checked_by_its_frame_and_its_metadata() -> None:
    _, content = REFUSED_ZIPS["wrong checksum"]
    inspection = inspect(content, filename="a-1.zip", limits=ArchiveLimits(record_hash_budget=3))
    assert not inspection.is_content_checked
    assert inspection.metadata == RawEntry().content


def test_license_files_must_be_below_the_top_directory() -> None:
    inspection = inspect(build_sdist(licenses={"LICENSE": b"", "docs/NOTICE": b""}).content)
    require_sdist_licenses(inspection, ["LICENSE", "docs/NOTICE"])
    for missing in ("COPYING", "../LICENSE", "docs", ""):
        with pytest.raises(Invalid) as refusal:
            require_sdist_licenses(inspection, [missing])
        assert refusal.value.code == "license-file-missing"
