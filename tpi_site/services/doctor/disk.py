"""The disk: room, durability, and what the storage asks of the file system."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from tpi_site.services.doctor.findings import Verdict, failing, good, warning
from tpi_site.services.doctor.places import storage_folder

_MIB = 2**20
_LEAST_FREE = 64 * _MIB
_LITTLE_FREE = 0.1
_SLOW_SYNC = 0.1  # seconds
_SYNCS = 5


def free_space() -> Verdict:
    """Bytes and files that may still be written, in the data folder and where the blobs are."""
    least = min((_free(folder) for folder in _folders()), key=lambda found: found[1])
    folder, left, share, files = least
    told = f"{left // _MIB} MiB ({share:.0%}) are free where {folder} is"
    if left < _LEAST_FREE or files == 0:
        return failing(f"{told}, and {files} files may be made.", "Make room: uploads are refused until there is some.")
    if share < _LITTLE_FREE:
        return warning(f"{told}.", "Make room before uploads are refused.")
    return good(f"{told}.")


def _folders() -> list[Path]:
    folder = storage_folder()
    return [settings.TPI_DATA_DIR, *([folder] if folder is not None and folder.is_dir() else [])]


def _free(folder: Path) -> tuple[Path, int, float, int]:
    """The folder, its free bytes, their share, and how many files may be made (a file system without a limit: many)."""
    found = os.statvfs(folder)
    left = found.f_bavail * found.f_frsize
    files = found.f_favail if found.f_files else 1
    return folder, left, left / max(1, found.f_blocks * found.f_frsize), files


def durability() -> Verdict:
    """Whether bytes and names reach the disk when told to, and how long that takes."""
    took = []
    for folder in _folders():
        for _ in range(_SYNCS):
            began = time.monotonic()
            _write_durably(folder)
            took.append(time.monotonic() - began)
    median = sorted(took)[len(took) // 2]
    told = f"A file and its folder are synced in {median * 1000:.1f} ms."
    if median > _SLOW_SYNC:
        return warning(told, "Each upload waits for several of these; use a faster disk.")
    return good(told)


def _write_durably(folder: Path) -> None:
    path = folder / f".doctor-{secrets.token_hex(8)}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, b"probe")
        os.fsync(descriptor)
        path.replace(path.with_suffix(".moved"))
        _sync(folder)
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        path.with_suffix(".moved").unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_system() -> Verdict:
    """Files without a name, by which what a killed process was writing goes by itself, and links that give them one."""
    folder = storage_folder() or settings.TPI_DATA_DIR
    place = next(each for each in (folder / "tmp", folder, settings.TPI_DATA_DIR) if each.is_dir())
    blobs = folder / "blobs"
    if blobs.is_dir() and blobs.stat().st_dev != place.stat().st_dev:
        return failing(
            f"{place} and {blobs} are on different file systems.",
            "Incoming files are linked to their place; mount the whole folder, not a part of it.",
        )
    if (reason := _unnamed_fault(place)) is not None:
        return warning(
            f"The file system of {place} has no files without a name ({reason}).",
            "It works, and what a killed upload leaves stays for a day; ext4, XFS, btrfs and NFS 4.2 servers differ in this.",
        )
    return good(f"{place} takes files without a name and gives them one by a link.")


def _unnamed_fault(folder: Path) -> str | None:
    target = folder / f".doctor-{secrets.token_hex(8)}"
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
    except OSError as error:
        return os.strerror(error.errno or 0)
    root = os.open("/", os.O_RDONLY)  # as the spool does it: see indexapp/storage/spooling.py
    try:
        os.link(f"/proc/self/fd/{descriptor}", target, src_dir_fd=root, follow_symlinks=True)
    except OSError as error:
        return os.strerror(error.errno or 0)
    finally:
        os.close(root)
        os.close(descriptor)
        target.unlink(missing_ok=True)
    return None


def permissions() -> Verdict:
    """Who else on this machine may read what must stay secret."""
    open_to_others = [str(path) for path in _secret_files() if _mode(path) & 0o077]
    if open_to_others:
        return failing(
            f"Other users of this machine may read {', '.join(open_to_others)}.",
            "Run: chmod go= " + " ".join(open_to_others),
        )
    strangers = [str(path) for path in _secret_files() if path.stat().st_uid not in {os.geteuid(), 0}]
    if strangers:
        return warning(f"Another account owns {', '.join(strangers)}.", "Let the account that TPI runs as own them.")
    return good("Only TPI's own account reads the data folder and its secrets.")


_SECRETS = ("secret-key", "token-pepper", "audit-key", "keyring.json", "initial-admin-password", "initial-token")


def _secret_files() -> Iterator[Path]:
    """The data folder, and in it what is secret; a folder that is closed keeps its files closed."""
    folder = settings.TPI_DATA_DIR
    yield folder
    ring = settings.TPI_KEYRING.partition("file:")[2]
    for path in {*(folder / name for name in _SECRETS), *([Path(ring)] if ring else [])}:
        with suppress(FileNotFoundError):
            path.stat()
            yield path


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
