"""Sound wheels with a true RECORD, and hooks that break one part of them."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from tests.builders.core_metadata import Built, core_metadata

EARLIEST = (1980, 1, 1, 0, 0, 0)


def wheel_stem(name: str, version: str) -> str:
    """Return ``name-version`` as a wheel's file name and its .dist-info directory spell it."""
    return f"{re.sub(r'[-_.]+', '_', name).lower()}-{version.replace('-', '_')}"


def record_row(path: str, content: bytes, *, algorithm: str = "sha256") -> str:
    """Return the RECORD line of a file."""
    return _row(path, hashlib.new(algorithm, content).digest(), len(content), algorithm)


def record_of(files: Mapping[str, bytes], record_path: str) -> bytes:
    """Return the true RECORD of ``files``."""
    return "".join([*(record_row(path, content) for path, content in files.items()), f"{record_path},,\n"]).encode()


def write_zip(members: Iterable[tuple[str, bytes]], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP archive whose bytes depend on nothing but the arguments."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            archive.writestr(_member(name, compression), content)
    return buffer.getvalue()


def build_wheel(
    name: str = "acme-tool",
    version: str = "1.0",
    *,
    files: Mapping[str, bytes] | None = None,
    tags: str = "py3-none-any",
    build: str = "",
    metadata_version: str = "2.4",
    headers: Iterable[tuple[str, str]] = (),
    description: str = "",
    licenses: Mapping[str, bytes] | None = None,
    entry_points: bytes | None = None,
    metadata: bytes | None = None,
    wheel: bytes | None = None,
    record: bytes | None = None,
    dist_info: str | None = None,
    leave_out: Collection[str] = (),
    unrecorded: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_DEFLATED,
) -> Built:
    """Build a wheel.

    ``files`` are the modules (one by default); ``licenses`` add a License-File header and the file each.
    Hooks: ``metadata``, ``wheel`` and ``record`` replace those files byte for byte, ``dist_info`` renames their
    directory, ``leave_out`` names some of them to be missing, ``unrecorded`` adds files that RECORD does not list.
    """
    dist_info = dist_info or f"{wheel_stem(name, version)}.dist-info"
    licenses = licenses or {}
    headers = [*headers, *(("License-File", path) for path in licenses)]
    controls = {
        "METADATA": metadata
        if metadata is not None
        else core_metadata(name, version, metadata_version=metadata_version, headers=headers, description=description),
        "WHEEL": wheel if wheel is not None else wheel_file(tags, build),
        **({} if entry_points is None else {"entry_points.txt": entry_points}),
        **{f"licenses/{path}": content for path, content in licenses.items()},
    }
    members = dict(files if files is not None else {f"{wheel_stem(name, '')[:-1]}/__init__.py": b"ANSWER = 42\n"})
    members |= {f"{dist_info}/{path}": content for path, content in controls.items() if path not in leave_out}
    record_path = f"{dist_info}/RECORD"
    true_record = record_of(members, record_path)
    members |= unrecorded or {}
    if "RECORD" not in leave_out:
        members[record_path] = true_record if record is None else record
    stem = "-".join(part for part in (wheel_stem(name, version), build, tags) if part)
    return Built(f"{stem}.whl", write_zip(members.items(), compression=compression))


def wheel_file(tags: str, build: str = "", *, version: str = "1.0") -> bytes:
    """Return a WHEEL file for a compressed tag set such as ``py2.py3-none-any``."""
    pythons, abis, platforms = (part.split(".") for part in tags.split("-"))
    expanded = [f"{python}-{abi}-{platform}" for python in pythons for abi in abis for platform in platforms]
    lines = [f"Wheel-Version: {version}", "Generator: tests", f"Root-Is-Purelib: {str(abis == ['none']).lower()}"]
    lines += [f"Build: {build}"] * bool(build) + [f"Tag: {tag}" for tag in expanded]
    return "".join(f"{line}\n" for line in lines).encode()


def write_big_wheel(
    folder: Path,
    size: int,
    *,
    name: str = "acme-big",
    version: str = "1.0",
    member_size: int = 64 * 1024 * 1024,
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """Write a sound wheel with ``size`` bytes of content to ``folder`` and return its path; memory stays flat.

    The content is one random MiB over and over, in members of at most ``member_size`` bytes.
    """
    dist_info = f"{wheel_stem(name, version)}.dist-info"
    path = folder / f"{wheel_stem(name, version)}-py3-none-any.whl"
    rows = []
    with zipfile.ZipFile(path, "w") as archive:
        for index, start in enumerate(range(0, size, member_size)):
            member = _member(f"acme_big/part{index}.bin", compression)
            rows.append(_write_noise(archive, member, min(member_size, size - start)))
        for control, content in (("METADATA", core_metadata(name, version)), ("WHEEL", wheel_file("py3-none-any"))):
            archive.writestr(_member(f"{dist_info}/{control}"), content)
            rows.append(record_row(f"{dist_info}/{control}", content))
        archive.writestr(_member(f"{dist_info}/RECORD"), "".join([*rows, f"{dist_info}/RECORD,,\n"]))
    return path


def _write_noise(archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int) -> str:
    """Write ``size`` random bytes as ``member`` and return their RECORD line."""
    noise = os.urandom(1024 * 1024)
    digest = hashlib.sha256()
    with archive.open(member, "w", force_zip64=size > 2**31) as target:
        for left in range(size, 0, -len(noise)):
            piece = noise[:left]
            digest.update(piece)
            target.write(piece)
    return _row(member.filename, digest.digest(), size, "sha256")


def _row(path: str, digest: bytes, size: int, algorithm: str) -> str:
    quoted = '"' + path.replace('"', '""') + '"' if {",", '"'} & set(path) else path
    return f"{quoted},{algorithm}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()},{size}\n"


def _member(name: str, compression: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, EARLIEST)
    member.compress_type = compression
    member.external_attr = 0o644 << 16
    return member
