"""Wheels: what a sound one tells, and a named case for each rule that can be broken."""

from __future__ import annotations

import io
import zipfile

import pytest

from indexapp.domain.archives import ArchiveLimits, WheelInspection, inspect_wheel, require_wheel_licenses
from tests.builders.core_metadata import Built, core_metadata
from tests.builders.raw_zips import RawEntry, descriptor, raw_zip
from tests.builders.wheels import build_wheel, record_of, record_row, wheel_file, write_zip
from tpi_site.kit.errors import Invalid

DIST_INFO = "acme_tool-1.0.dist-info"
RECORD = f"{DIST_INFO}/RECORD"
MODULE = {"acme_tool/__init__.py": b"ANSWER = 42\n"}
CONTROLS = {
    f"{DIST_INFO}/METADATA": core_metadata("acme-tool", "1.0"),
    f"{DIST_INFO}/WHEEL": wheel_file("py3-none-any"),
}
FILES = {**MODULE, **CONTROLS}
ROWS = record_of(FILES, RECORD)


def inspect(built: Built, **options: object) -> WheelInspection:
    return inspect_wheel(io.BytesIO(built.content), filename=built.filename, **options)


def with_record(record: bytes, **parts: object) -> Built:
    return build_wheel(record=record, **parts)


def with_entry_points(text: str | bytes) -> Built:
    return build_wheel(entry_points=text.encode() if isinstance(text, str) else text)


def renamed(filename: str, built: Built | None = None) -> Built:
    return Built(filename, (built or build_wheel()).content)


def with_members(*extra: tuple[str, bytes]) -> Built:
    """The usual wheel with directories, or anything else, that no builder of wheels would put in."""
    return Built("acme_tool-1.0-py3-none-any.whl", write_zip([*FILES.items(), (RECORD, ROWS), *extra]))


def raw_member(path: str) -> RawEntry:
    """A member of the usual wheel; the module among them with a checksum that is not its own."""
    lie = {"crc": 1} if path in MODULE else {}
    return RawEntry(name=path.encode(), content=FILES[path], local=lie, central=lie)


def without_row(path: str) -> bytes:
    return b"".join(row for row in ROWS.splitlines(keepends=True) if not row.startswith(path.encode()))


def test_a_sound_wheel_tells_what_it_holds() -> None:
    built = build_wheel(entry_points=b"[console_scripts]\nacme = acme_tool:main\n", licenses={"LICENSE": b"Free.\n"})
    inspection = inspect(built, strict_tags=True)
    with zipfile.ZipFile(io.BytesIO(built.content)) as archive:
        assert inspection == WheelInspection(
            metadata=archive.read(f"{DIST_INFO}/METADATA"),
            dist_info=DIST_INFO,
            wheel_version="1.0",
            wheel_tags=frozenset({"py3-none-any"}),
            root_is_purelib=True,
            has_entry_points=True,
            are_hashes_checked=True,
            members=6,
            total_size=sum(member.file_size for member in archive.infolist()),
            files=frozenset(archive.namelist()),
        )


ACCEPTED = {
    "stored": build_wheel(compression=zipfile.ZIP_STORED),
    "build tag": build_wheel(build="7"),
    "compressed tags": build_wheel(tags="py2.py3-none-any"),
    "platform wheel": build_wheel(tags="cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"),
    "local version": build_wheel(version="1.0+corp.1"),
    "epoch and pre-release": build_wheel(version="1!2.0rc1"),
    "version spelled otherwise in the file name": renamed("acme_tool-1.0.0-py3-none-any.whl"),
    "name not normalised in the file name": renamed("Acme.Tool-1.0-py3-none-any.whl"),
    "name not normalised inside": build_wheel(dist_info="Acme.Tool-1.0.dist-info"),
    "directory members": with_members(("acme_tool/", b""), (f"{DIST_INFO}/", b"")),
    "signatures that RECORD does not list": with_members((f"{RECORD}.jws", b"{}"), (f"{RECORD}.p7s", b"")),
    "RECORD lists directories": with_record(ROWS + b"acme_tool/,,\n"),
    "RECORD does not list itself": with_record(without_row(RECORD)),
    "RECORD with CRLF": with_record(ROWS.replace(b"\n", b"\r\n")),
    "RECORD without last newline": with_record(without_row(RECORD).rstrip()),
    "RECORD with an empty line": with_record(ROWS + b"\n"),
    "RECORD without sizes": with_record(b"".join(row.rpartition(b",")[0] + b",\n" for row in ROWS.splitlines())),
    "RECORD with padded hashes": with_record(
        b"".join(row.rpartition(b",")[0] + b"=,\n" for row in without_row(RECORD).splitlines())
    ),
    "RECORD with SHA-384 and SHA-512": with_record(
        "".join(
            record_row(path, content, algorithm=algorithm)
            for (path, content), algorithm in zip(FILES.items(), ["sha256", "sha384", "sha512"], strict=True)
        ).encode()
    ),
    "file name with comma and quote": build_wheel(files={'acme_tool/a,"b".txt': b"1"}),
    "file name outside ASCII": build_wheel(files={"acme_tool/größe.txt": b"1"}),
    "WHEEL with CRLF and no tags": build_wheel(wheel=b"Wheel-Version: 1.0\r\nRoot-Is-Purelib: true\r\n"),
    "WHEEL with an empty line at its end": build_wheel(wheel=wheel_file("py3-none-any") + b"\n"),
    "WHEEL of a newer minor version": build_wheel(wheel=wheel_file("py3-none-any", version="1.9")),
    "WHEEL with other tags than the file name": build_wheel(wheel=wheel_file("py2-none-any")),
    "empty entry points": with_entry_points(""),
    "entry points, indented and commented": with_entry_points(
        "# scripts\n\n[console_scripts]\n    acme = acme_tool:main\n    acme-2.0 = acme_tool:main\n; end\n[other: group]\nany name!=x\n"
    ),
    "one script name in two groups": with_entry_points("[console_scripts]\na=b:c\n[gui_scripts]\na=b:c\n"),
    "entry points with CRLF": with_entry_points("[console_scripts]\r\nacme = acme_tool:main\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("built", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_sound_wheels_are_accepted(built: Built) -> None:
    assert inspect(built).are_hashes_checked


LYING_HASH = ROWS.replace(record_row(*next(iter(MODULE.items()))).encode(), b"acme_tool/__init__.py,sha256=AAAA,12\n")

REFUSED = {
    # the file name
    "not a wheel's name": ("wheel-filename", renamed("acme_tool-1.0.tar.gz")),
    "too few parts": ("wheel-filename", renamed("acme_tool-1.0.whl")),
    "bad version in the name": ("wheel-filename", renamed("acme_tool-one-py3-none-any.whl")),
    "empty name": ("wheel-filename", renamed("")),
    "tags that expand without measure": (
        "wheel-filename",
        renamed(f"acme_tool-1.0-{'.'.join(['a'] * 40)}-{'.'.join(['b'] * 40)}-any.whl"),
    ),
    # .dist-info
    "other name inside": ("wheel-dist-info", build_wheel(dist_info="other-1.0.dist-info")),
    "other version inside": ("wheel-dist-info", build_wheel(dist_info="acme_tool-1.1.dist-info")),
    "version inside that is none": ("wheel-dist-info", build_wheel(dist_info="acme_tool-x.dist-info")),
    "no version inside": ("wheel-dist-info", build_wheel(dist_info="acme_tool.dist-info")),
    "local version missing inside": (
        "wheel-dist-info",
        renamed("acme_tool-1.0+corp-py3-none-any.whl"),
    ),
    "two .dist-info": ("wheel-dist-info", build_wheel(files={**MODULE, "other-1.0.dist-info/METADATA": b""})),
    "no .dist-info": ("wheel-dist-info", renamed("a-1.0-py3-none-any.whl", Built("", write_zip([("a.py", b"")])))),
    ".dist-info not at the top": ("wheel-dist-info", build_wheel(dist_info=f"deep/{DIST_INFO}")),
    ".dist-info is a file": ("wheel-dist-info", Built("a-1-py3-none-any.whl", write_zip([("a-1.dist-info", b"")]))),
    "no METADATA": ("wheel-incomplete", build_wheel(leave_out=["METADATA"])),
    "no WHEEL": ("wheel-incomplete", build_wheel(leave_out=["WHEEL"])),
    "no RECORD": ("wheel-incomplete", build_wheel(leave_out=["RECORD"])),
    "METADATA is a directory": (
        "wheel-incomplete",
        build_wheel(leave_out=["METADATA"], unrecorded={f"{DIST_INFO}/METADATA/": b""}),
    ),
    "METADATA too large": ("archive-member-too-large", build_wheel(metadata=b"x" * (8 * 1024 * 1024 + 1))),
    "WHEEL too large": ("archive-member-too-large", build_wheel(wheel=b"x" * (1024 * 1024 + 1))),
    # WHEEL
    "WHEEL not UTF-8": ("wheel-file", build_wheel(wheel=b"Wheel-Version: 1.0\nGenerator: \xff\n")),
    "WHEEL without version": ("wheel-file", build_wheel(wheel=b"Root-Is-Purelib: true\n")),
    "WHEEL with two versions": ("wheel-file", build_wheel(wheel=b"Wheel-Version: 1.0\nWheel-Version: 1.1\n")),
    "WHEEL of version 2": ("wheel-file", build_wheel(wheel=wheel_file("py3-none-any", version="2.0"))),
    "WHEEL version that is none": ("wheel-file", build_wheel(wheel=wheel_file("py3-none-any", version="1.x"))),
    "WHEEL with a bare line": ("wheel-file", build_wheel(wheel=b"Wheel-Version: 1.0\nhello\n")),
    "WHEEL with a broken tag": ("wheel-file", build_wheel(wheel=b"Wheel-Version: 1.0\nTag: py3-none\n")),
    "WHEEL tags that expand without measure": (
        "wheel-file",
        build_wheel(wheel=b"Wheel-Version: 1.0\nTag: " + b"-".join([b".".join([b"a"] * 300)] * 3)),
    ),
    # RECORD
    "file not in RECORD": ("wheel-record", build_wheel(unrecorded={"acme_tool/evil.py": b""})),
    "file only in RECORD": ("wheel-record", with_record(ROWS + record_row("acme_tool/gone.py", b"").encode())),
    "file twice in RECORD": ("wheel-record", with_record(ROWS + ROWS)),
    "other hash": ("wheel-record", with_record(LYING_HASH)),
    "other hash of METADATA": (
        "wheel-record",
        with_record(without_row(f"{DIST_INFO}/METADATA") + record_row(f"{DIST_INFO}/METADATA", b"").replace(",0\n", ",\n").encode()),
    ),
    "other size": ("wheel-record", with_record(ROWS.replace(b",12\n", b",13\n"))),
    "size that is none": ("wheel-record", with_record(ROWS.replace(b",12\n", b",-12\n"))),
    "size in other digits": ("wheel-record", with_record(ROWS.replace(b",12\n", ",\u0661\u0662\n".encode()))),
    "size too long": ("wheel-record", with_record(ROWS.replace(b",12\n", b"," + b"9" * 5000 + b"\n"))),
    "no hash": ("wheel-record", with_record(without_row("acme_tool/") + b"acme_tool/__init__.py,,12\n")),
    "empty hash": ("wheel-record", with_record(without_row("acme_tool/") + b"acme_tool/__init__.py,sha256=,12\n")),
    "MD5": ("wheel-record", with_record(record_of({}, RECORD) + "".join(record_row(*item, algorithm="md5") for item in FILES.items()).encode())),
    "SHA-1": ("wheel-record", with_record("".join(record_row(*item, algorithm="sha1") for item in FILES.items()).encode())),
    "unknown hash": ("wheel-record", with_record(ROWS.replace(b"sha256=", b"crc32="))),
    "hash outside ASCII": ("wheel-record", with_record(ROWS.replace(b"sha256=", "sha256=é".encode()))),
    "two columns": ("wheel-record", with_record(ROWS + b"a,b\n")),
    "four columns": ("wheel-record", with_record(ROWS + b"a,b,c,d\n")),
    "RECORD not UTF-8": ("wheel-record", with_record(ROWS + b"\xff,,\n")),
    "RECORD cut inside UTF-8": ("wheel-record", with_record(ROWS + b"\xc3")),
    "open quote": ("wheel-record", with_record(ROWS + b'"a,b,c\n')),
    "quote inside quotes": ("wheel-record", with_record(ROWS + b'"a"b,c,d\n')),
    "bare carriage return": ("wheel-record", with_record(ROWS + b"a\rb,c,d\n")),
    "NUL in RECORD": ("wheel-record", with_record(ROWS + b"a\0,c,d\n")),
    "endless line": ("wheel-record", with_record(b"a" * 1_000_000)),
    "path with ./": ("wheel-record", with_record(ROWS.replace(b"acme_tool/__init__.py", b"./acme_tool/__init__.py"))),
    "path with backslash": ("wheel-record", with_record(ROWS.replace(b"acme_tool/__init__.py", b"acme_tool\\__init__.py"))),
    "empty RECORD": ("wheel-record", with_record(b"")),
    # entry points
    "entry points not UTF-8": ("wheel-entry-points", with_entry_points(b"[console_scripts]\n\xff=a\n")),
    "entry point with colon": ("wheel-entry-points", with_entry_points("[console_scripts]\nacme: acme_tool\n")),
    "entry point outside a group": ("wheel-entry-points", with_entry_points("acme = acme_tool:main\n")),
    "entry point without a name": ("wheel-entry-points", with_entry_points("[console_scripts]\n= acme_tool:main\n")),
    "group not closed": ("wheel-entry-points", with_entry_points("[console_scripts\nacme=b:c\n")),
    "script name with a path": ("wheel-entry-points", with_entry_points("[console_scripts]\n../acme = b:c\n")),
    "gui script name with a space": ("wheel-entry-points", with_entry_points("[gui_scripts]\nac me = b:c\n")),
    "script name of dots": ("wheel-entry-points", with_entry_points("[console_scripts]\n.. = b:c\n")),
    "script name with a newline": ("wheel-entry-points", with_entry_points("[console_scripts]\nacme\x0b/x = b:c\n")),
    "script twice": ("wheel-entry-points", with_entry_points("[console_scripts]\na=b:c\na=d:e\n")),
    # the archive under it
    "not a ZIP archive": ("archive-not-zip", renamed("acme_tool-1.0-py3-none-any.whl", Built("", b"hello" * 100))),
    "empty file": ("archive-not-zip", renamed("acme_tool-1.0-py3-none-any.whl", Built("", b""))),
    "empty archive": ("wheel-dist-info", renamed("acme_tool-1.0-py3-none-any.whl", Built("", raw_zip([])))),
    "content with a wrong checksum": (
        "zip-content",
        Built("acme_tool-1.0-py3-none-any.whl", raw_zip([raw_member(path) for path in FILES] + [RawEntry(name=RECORD.encode(), content=ROWS)])),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("code", "built"), REFUSED.values(), ids=REFUSED.keys())
def test_unsound_wheels_are_refused(code: str, built: Built) -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(built)
    assert refusal.value.code == code
    assert refusal.value.detail.isascii()
    assert refusal.value.detail.isprintable()


def test_tags_that_differ_are_refused_only_when_asked() -> None:
    built = build_wheel(wheel=wheel_file("py2-none-any"))
    assert inspect(built).wheel_tags == {"py2-none-any"}
    with pytest.raises(Invalid) as refusal:
        inspect(built, strict_tags=True)
    assert refusal.value.code == "wheel-tags"


def test_compressed_tags_equal_their_expansion() -> None:
    built = build_wheel(tags="py2.py3-none-any", wheel=b"Wheel-Version: 1.0\nTag: py2.py3-none-any\n")
    assert inspect(built, strict_tags=True).wheel_tags == {"py2-none-any", "py3-none-any"}


def test_above_the_budget_names_and_sizes_are_checked_but_not_all_hashes() -> None:
    limits = ArchiveLimits(record_hash_budget=10)
    assert not inspect(with_record(LYING_HASH), limits=limits).are_hashes_checked
    for code, built in (REFUSED["other size"], REFUSED["file not in RECORD"], REFUSED["other hash of METADATA"]):
        with pytest.raises(Invalid) as refusal:
            inspect(built, limits=limits)
        assert refusal.value.code == code


def test_the_budget_is_inclusive() -> None:
    built = build_wheel()
    total = inspect(built).total_size
    assert inspect(built, limits=ArchiveLimits(record_hash_budget=total)).are_hashes_checked
    assert not inspect(built, limits=ArchiveLimits(record_hash_budget=total - 1)).are_hashes_checked


def test_a_bomb_is_refused_by_what_it_declares() -> None:
    built = build_wheel(files={"acme_tool/zeros.bin": bytes(65 * 1024 * 1024)})
    with pytest.raises(Invalid) as refusal:
        inspect(built)
    assert refusal.value.code == "archive-decompression-ceiling"


def test_data_descriptors_are_taken_only_when_asked() -> None:
    streamed = [
        RawEntry(
            name=path.encode(),
            content=content,
            flags=1 << 3,
            after=descriptor(content, len(content)),
            local={"crc": 0, "size": 0, "compressed_size": 0},
        )
        for path, content in {**FILES, RECORD: ROWS}.items()
    ]
    built = Built("acme_tool-1.0-py3-none-any.whl", raw_zip(streamed))
    assert inspect(built, allow_data_descriptors=True).are_hashes_checked
    with pytest.raises(Invalid) as refusal:
        inspect(built)
    assert refusal.value.code == "zip-data-descriptor"


def test_an_endless_line_of_record_is_refused_for_its_length() -> None:
    with pytest.raises(Invalid, match="line that is too long"):
        inspect(with_record(b"a" * 1_000_000))


def test_license_files_must_be_in_the_licenses_directory() -> None:
    inspection = inspect(build_wheel(licenses={"LICENSE": b"Free.\n", "docs/NOTICE": b"Hi.\n"}))
    require_wheel_licenses(inspection, ["LICENSE", "docs/NOTICE"])
    require_wheel_licenses(inspection, [])
    for missing in ("COPYING", "../METADATA", "docs", "", "docs\\NOTICE"):
        with pytest.raises(Invalid) as refusal:
            require_wheel_licenses(inspection, ["LICENSE", missing])
        assert refusal.value.code == "license-file-missing"


def test_each_member_is_read_once() -> None:
    # reading more than the file and its headers once more would mean a second pass over the content
    built = build_wheel(
        description="x" * 500_000, files={"acme_tool/big.py": b"x" * 500_000}, compression=zipfile.ZIP_STORED
    )

    class Counting(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1) -> bytes:
            content = super().read(size)
            Counting.count += len(content)
            return content

    inspect_wheel(Counting(built.content), filename=built.filename)
    assert len(built.content) <= Counting.count < len(built.content) + 2_000
