"""Memory does not grow with the bytes of an archive."""

from __future__ import annotations

import gzip
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexapp.domain.archives import inspect_sdist, inspect_wheel
from tests.builders.sdists import tar_entry
from tests.builders.wheels import write_big_wheel
from tpi_site.kit.errors import Invalid

MIB = 1024 * 1024
SIZE = 64 * MIB


@pytest.fixture
def peak() -> Iterator[Callable[[], int]]:
    """Trace allocations; the value gives the highest sum of bytes since the fixture began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def write_tar_of_zeros(path: Path, size: int) -> None:
    with gzip.open(path, "wb", compresslevel=1) as target:
        info, content = tar_entry("acme-1.0/PKG-INFO", b"Metadata-Version: 2.1\n")
        target.write(info.tobuf() + content.ljust(512, b"\0"))
        zeros = tarfile.TarInfo("acme-1.0/zeros")
        zeros.size = size
        target.write(zeros.tobuf())
        for _ in range(size // MIB):
            target.write(bytes(MIB))
        target.write(bytes(1024))


@pytest.mark.parametrize("member_size", [SIZE, 4 * MIB])
def test_a_wheel_of_64_mib(tmp_path: Path, peak: Callable[[], int], member_size: int) -> None:
    path = write_big_wheel(tmp_path, SIZE, member_size=member_size)
    tracemalloc.reset_peak()
    with path.open("rb") as file:
        inspection = inspect_wheel(file, filename=path.name)
    assert peak() < 8 * MIB
    assert inspection.are_hashes_checked
    assert inspection.total_size > SIZE


def test_a_tar_of_60_mib(tmp_path: Path, peak: Callable[[], int]) -> None:
    path = tmp_path / "acme-1.0.tar.gz"
    write_tar_of_zeros(path, 60 * MIB)
    tracemalloc.reset_peak()
    with path.open("rb") as file:
        inspection = inspect_sdist(file, filename=path.name)
    assert peak() < 8 * MIB
    assert inspection.total_size > 60 * MIB


def test_a_tar_bomb(tmp_path: Path, peak: Callable[[], int]) -> None:
    path = tmp_path / "acme-1.0.tar.gz"
    write_tar_of_zeros(path, 128 * MIB)
    tracemalloc.reset_peak()
    with path.open("rb") as file, pytest.raises(Invalid) as refusal:
        inspect_sdist(file, filename=path.name)
    assert refusal.value.code == "archive-decompression-ceiling"
    assert peak() < 8 * MIB
