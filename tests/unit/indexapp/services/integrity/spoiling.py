"""What can happen to a stored object."""

from __future__ import annotations

from collections.abc import Callable

from indexapp.domain.segments import SEGMENT
from indexapp.models import File
from indexapp.storage import default_storage
from indexapp.storage.sealed_files import HEAD

Spoil = Callable[[bytes], bytes]


def raw(name: str) -> bytes:
    """The object's bytes as they lie."""
    stream = default_storage().objects.open(name)
    try:
        return b"".join(iter(lambda: stream.read(2**20), b""))
    finally:
        stream.close()


def overwrite(name: str, content: bytes) -> None:
    """Let the object have these bytes."""
    objects = default_storage().objects
    with objects.spool() as spool:
        spool.file.write(content)
        objects.replace(name, spool)


def spoil(file: File, how: Spoil) -> None:
    """Change what is stored of the file."""
    name = file.blob.object_name
    before = raw(name)
    assert how(before) != before
    overwrite(name, how(before))


def flip(place: int) -> Spoil:
    """One bit of one byte changed."""

    def flipped(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[place % len(content)] ^= 1
        return bytes(changed)

    return flipped


def reorder(content: bytes) -> bytes:
    """The second and the third segment in each other's place."""
    one, two, three = (HEAD + number * SEGMENT for number in (1, 2, 3))
    return content[:one] + content[two:three] + content[one:two] + content[three:]


WAYS: dict[str, tuple[Spoil, str]] = {
    "the first byte": (flip(0), "blob-corrupt"),
    "in the wrapped key": (flip(60), "blob-corrupt"),
    "in the head's code": (flip(HEAD - 3), "blob-corrupt"),
    "in the salt": (flip(HEAD + 5), "blob-corrupt"),
    "in the middle": (flip(200_000), "blob-corrupt"),
    "the last byte": (flip(-1), "blob-corrupt"),
    "re-ordered": (reorder, "blob-corrupt"),
    "zeroed": (lambda content: bytes(len(content)), "blob-corrupt"),
    "cut off": (lambda content: content[:-1], "blob-size"),
    "cut off at a segment": (lambda content: content[: HEAD + 2 * SEGMENT], "blob-size"),
    "longer": (lambda content: content + b"\0", "blob-size"),
    "empty": (lambda content: b"", "blob-size"),
}
