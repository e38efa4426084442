"""Files that hold keys: mode 0600, replaced at once and durably, and made by one of many who begin together."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

State = tuple[int, int, int]


def state(path: Path) -> State:
    """What changes when the file is replaced."""
    found = path.stat()
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def put_in_place(path: Path, text: str) -> None:
    """Write ``text`` in place of the file; whoever reads sees the old text or the new one, also after a crash."""
    candidate = _written_beside(path, text)
    try:
        candidate.replace(path)
    finally:
        candidate.unlink(missing_ok=True)
    _make_durable(path.parent)


def make(path: Path, text: str) -> str:
    """Write a new file unless there is one; of two first starts at once both get the same text."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    candidate = _written_beside(path, text)
    try:
        os.link(candidate, path)
    except FileExistsError:
        pass
    finally:
        candidate.unlink()
    _make_durable(path.parent)
    return path.read_text(encoding="ascii")


def _written_beside(path: Path, text: str) -> Path:
    candidate = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        candidate.unlink()
        raise
    return candidate


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
