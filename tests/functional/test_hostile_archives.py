"""Broken, lying and explosive archives over the wire: each is refused by name, in bounded time, and leaves nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.core_metadata import Built, core_metadata
from tests.builders.raw_zips import DEFLATED, RawEntry, raw_zip
from tests.builders.sdists import build_sdist, tar_entry, write_tar_gz
from tests.builders.wheels import build_wheel
from tests.functional.aftermath import require_refusal, state_of
from tests.functional.artefacts import fresh_name
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session

pytestmark = pytest.mark.functional


def wheel_of(content: bytes) -> Built:
    return Built("acme_tool-1.0-py3-none-any.whl", content)


def sdist_of(content: bytes) -> Built:
    return Built("acme_tool-1.0.tar.gz", content)


def wheel_with(name: str, content: bytes = b"x") -> Built:
    return build_wheel(files={name: content})


def members(*extra: tuple[str, bytes]) -> Built:
    """A sound wheel's members and some more that RECORD does not list."""
    with zipfile.ZipFile(io.BytesIO(build_wheel().content)) as archive:
        sound = [(info.filename, archive.read(info)) for info in archive.infolist()]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in (*sound, *extra):
            archive.writestr(name, content)
    return wheel_of(buffer.getvalue())


def sdist_with(*entries: tuple[tarfile.TarInfo, bytes]) -> Built:
    sound = [
        tar_entry("acme_tool-1.0", kind=tarfile.DIRTYPE),
        tar_entry("acme_tool-1.0/PKG-INFO", core_metadata("acme-tool", "1.0")),
    ]
    return sdist_of(write_tar_gz([*sound, *entries]))


def zip_bomb() -> Built:
    return build_wheel(files={"acme_tool/zeros.bin": bytes(80_000_000)})


def tar_bomb() -> Built:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0) as packed:
        info = tarfile.TarInfo("acme_tool-1.0/zeros.bin")
        info.size = 8 * 2**30
        packed.write(info.tobuf())
        for _ in range(200):
            packed.write(bytes(2**20))
    return sdist_of(buffer.getvalue())


def lying_size() -> Built:
    entry = RawEntry(content=b"x" * 100_000, method=DEFLATED, local={"size": 10}, central={"size": 10})
    return wheel_of(raw_zip([entry]))


def a_million_members() -> Built:
    return wheel_of(raw_zip([RawEntry()], end64={"headers": 10**6, "headers_here": 10**6}))


ARCHIVES: dict[str, Callable[[], Built]] = {
    "no archive at all": lambda: wheel_of(b"hello"),
    "nothing": lambda: wheel_of(b""),
    "zip where tar is expected": lambda: sdist_of(build_wheel().content),
    "tar where zip is expected": lambda: wheel_of(build_sdist().content),
    "half a wheel": lambda: wheel_of(build_wheel().content[:300]),
    "half an sdist": lambda: sdist_of(build_sdist().content[:100]),
    "bytes before the zip": lambda: wheel_of(b"#!/bin/sh\n" + build_wheel().content),
    "bytes after the zip": lambda: wheel_of(build_wheel().content + b"tail"),
    "bytes after the gzip": lambda: sdist_of(build_sdist().content + b"tail" * 200),
    "zip and tar at once": lambda: wheel_of(build_wheel().content + gzip.decompress(build_sdist().content)),
    "a member twice": lambda: wheel_of(raw_zip([RawEntry(), RawEntry()])),
    "another name in the directory": lambda: wheel_of(raw_zip([RawEntry(central={"name": b"other.py"})])),
    "a size that lies": lying_size,
    "a member outside": lambda: wheel_with("../evil.py"),
    "an absolute member": lambda: wheel_with("/etc/evil.py"),
    "a member with a drive": lambda: wheel_with("C:\\evil.py"),
    "a member with a control character": lambda: wheel_with("acme\x01.py"),
    "a member that RECORD does not know": lambda: members(("acme_tool/extra.py", b"x")),
    "RECORD that lies": lambda: build_wheel(record=b"acme_tool/__init__.py,sha256=AAAA,12\n"),
    "no RECORD": lambda: build_wheel(leave_out=["RECORD"]),
    "no WHEEL": lambda: build_wheel(leave_out=["WHEEL"]),
    "no METADATA": lambda: build_wheel(leave_out=["METADATA"]),
    "another .dist-info": lambda: build_wheel(dist_info="other-1.0.dist-info"),
    "another name in METADATA": lambda: build_wheel(metadata=core_metadata("other", "1.0")),
    "another version in METADATA": lambda: build_wheel(metadata=core_metadata("acme-tool", "2.0")),
    "METADATA that is not UTF-8": lambda: build_wheel(metadata=core_metadata("acme-tool", "1.0") + b"Summary: \xff\n"),
    "METADATA that is none": lambda: build_wheel(metadata=b"\0" * 500),
    "an endless description": lambda: build_wheel(description="x" * 12_000_000),
    "entry points that are none": lambda: build_wheel(entry_points=b"[console_scripts\nx"),
    "a WHEEL of the future": lambda: build_wheel(wheel=b"Wheel-Version: 9.0\n"),
    "no PKG-INFO": lambda: build_sdist(leave_out=["PKG-INFO"]),
    "another name in PKG-INFO": lambda: build_sdist(pkg_info=core_metadata("other", "1.0")),
    "two top folders": lambda: sdist_with(tar_entry("other/x.py", b"x")),
    "a tar member outside": lambda: sdist_with(tar_entry("acme_tool-1.0/../../evil.py", b"x")),
    "an absolute tar member": lambda: sdist_with(tar_entry("/etc/evil.py", b"x")),
    "a link that leads outside": lambda: sdist_with(
        tar_entry("acme_tool-1.0/x", kind=tarfile.SYMTYPE, link="/etc/passwd")
    ),
    "a hard link outside": lambda: sdist_with(
        tar_entry("acme_tool-1.0/x", kind=tarfile.LNKTYPE, link="../../etc/passwd")
    ),
    "a device": lambda: sdist_with(tar_entry("acme_tool-1.0/x", kind=tarfile.CHRTYPE)),
    "a pipe": lambda: sdist_with(tar_entry("acme_tool-1.0/x", kind=tarfile.FIFOTYPE)),
    "a sparse member": lambda: sdist_with(tar_entry("acme_tool-1.0/x", kind=tarfile.GNUTYPE_SPARSE)),
    "a zip bomb": zip_bomb,
    "a tar bomb": tar_bomb,
    "a million members that are not there": a_million_members,
}


@pytest.mark.parametrize("fault", ARCHIVES)
def test_a_hostile_archive_is_refused(tpi: TpiServer, owner: Session, fault: str) -> None:
    before = state_of(tpi)
    require_refusal(owner.upload(ARCHIVES[fault]()))
    assert state_of(tpi) == before


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), cut=st.integers(0, 8), put=st.binary(max_size=8), wheel=st.booleans())
def test_an_archive_changed_anywhere_is_taken_or_refused(
    tpi: TpiServer, owner: Session, place: float, cut: int, put: bytes, *, wheel: bool
) -> None:
    name = fresh_name()
    built = (build_wheel if wheel else build_sdist)(name, "1.0")
    at = int(len(built.content) * place)
    before = state_of(tpi)
    changed = Built(built.filename, built.content[:at] + put + built.content[at + cut :])
    reply = owner.upload(changed)
    if reply.status != 200:
        require_refusal(reply)
        assert state_of(tpi) == before
    else:
        assert owner.listed(name) == {built.filename: hashlib.sha256(changed.content).hexdigest()}
