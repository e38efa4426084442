"""Reading a list of any of the kinds."""

from __future__ import annotations

from enum import StrEnum

from indexapp.domain.locks import poetry_lock, pylock_file, requirements_file, uv_lock
from indexapp.domain.locks.wanted import MOST_BYTES, ListInvalid, Reading


class SourceKind(StrEnum):
    """What wrote the list; values are stored."""

    REQUIREMENTS = "requirements.txt"
    UV = "uv.lock"
    PYLOCK = "pylock.toml"
    POETRY = "poetry.lock"


_READERS = {
    SourceKind.REQUIREMENTS: requirements_file.read,
    SourceKind.UV: uv_lock.read,
    SourceKind.PYLOCK: pylock_file.read,
    SourceKind.POETRY: poetry_lock.read,
}


def kind_of(filename: str) -> SourceKind:
    """The kind by the file's name; what is not known by its name counts as requirements."""
    name = filename.replace("\\", "/").rpartition("/")[2].lower()
    if name.startswith("pylock.") and name.endswith(".toml"):
        return SourceKind.PYLOCK
    if name.endswith("uv.lock"):
        return SourceKind.UV
    if name.endswith("poetry.lock"):
        return SourceKind.POETRY
    if name.endswith((".txt", ".in")):
        return SourceKind.REQUIREMENTS
    raise ListInvalid(
        f"{filename[:100]!a} is not the name of a list that can be read: requirements.txt, uv.lock, pylock.toml or "
        "poetry.lock.",
        code="list-unknown",
    )


def read(kind: SourceKind, text: str) -> Reading:
    """What the list asks for; raises :class:`ListInvalid`."""
    if len(text) > MOST_BYTES:
        raise ListInvalid(f"The list has more than {MOST_BYTES // 2**20} MiB; divide it.", code="list-too-large")
    if "\0" in text:
        raise ListInvalid("There is a NUL character in the list, which is no text then.")
    reading = _READERS[kind](text.removeprefix("\ufeff"))
    if not reading.wanted:
        raise ListInvalid("The list asks for nothing that an index has.", code="list-empty")
    return reading
