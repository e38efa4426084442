"""The form of a seed on a disk: contents that travel by hand from one site to another.

``blobs/ab/<62 hex digits>`` are the contents, ``SHA256SUMS`` has the digest of each object as it lies there, so that
``sha256sum --check`` proves a disk without any key, and ``seed.json`` says what it is.  Sealed, which is the rule, the objects
have the form of the storage under a ring that is derived from a secret, and their names tell nothing of the contents.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from indexapp.domain.segments import SegmentBroken
from indexapp.storage import BlobDamaged, sealed_files, sealed_streams
from indexapp.storage.names import name_of
from tpi_site.kit.errors import Invalid
from tpi_site.kit.key_ring import KeyRing

HEADER: Final = "seed.json"
SUMS: Final = "SHA256SUMS"
BLOBS: Final = "blobs"
FORMAT: Final = 1
SHORTEST: Final = 12
"""Characters of a secret."""
_KEY_ID: Final = "seed"
_SALT: Final = 32
_COST: Final = {"n": 2**16, "r": 8, "p": 1, "maxmem": 2**27}
"""Of scrypt (RFC 7914), for passphrases that people make up: 64 MiB and some tenths of a second.  Not read from the disk."""
_MOST_HEADER: Final = 64 * 1024
_PIECE: Final = 256 * 1024
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Unreadable(Exception):
    """A file of the disk cannot be read; what is kept here has nothing to do with it."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the folder says of itself.

    ``size`` is in bytes, of the objects as they lie there; ``serial`` that of the site when the export began; ``sums`` the
    SHA-256 of ``SHA256SUMS``; ``check`` proves the rest where it is sealed.
    """

    sealed: bool
    salt: str = ""
    site: str = ""
    serial: int = 0
    complete: bool = False
    contents: int = 0
    size: int = 0
    sums: str = ""
    check: str = ""
    format: int = FORMAT

    def as_json(self) -> bytes:
        """As it stands in the file."""
        return json.dumps(asdict(self), indent=2, sort_keys=True).encode() + b"\n"


class Keys:
    """What is derived from the secret of a sealed folder: the ring of its objects, and the proof of its header."""

    def __init__(self, secret: str, salt: str) -> None:
        root = hashlib.scrypt(secret.encode(), salt=bytes.fromhex(salt), dklen=32, **_COST)
        self.ring = KeyRing(_KEY_ID, {_KEY_ID: _derived(root, "objects")}, naming=_derived(root, "names"))
        self._proof = _derived(root, "header")

    def proved(self, header: Header) -> Header:
        """The same with its proof."""
        bare = replace(header, check="")
        return replace(bare, check=hmac.digest(self._proof, bare.as_json(), "sha256").hex())

    def is_proved(self, header: Header) -> bool:
        """Whether who wrote it knew the secret, and nobody changed it since."""
        return hmac.compare_digest(self.proved(header).check, header.check)


def _derived(root: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"tpi seed: {purpose}".encode()).derive(root)


class SeedFolder:
    """A folder of this form; ``keys`` are those of a sealed one."""

    def __init__(self, root: Path, header: Header, keys: Keys | None) -> None:
        self.root, self.header, self.keys = root, header, keys

    def name_of(self, sha256: str) -> str:
        """The path of a content's object below ``blobs``."""
        return name_of(sha256 if self.keys is None else self.keys.ring.name_of(sha256))

    def stored_size(self, size: int) -> int:
        """Bytes of the object of a content."""
        return size if self.keys is None else sealed_files.stored_size(size)

    def has(self, sha256: str) -> bool:
        """Whether something has the content's name."""
        return os.path.lexists(self.root / BLOBS / self.name_of(sha256))

    def read(self, sha256: str, size: int) -> Iterator[bytes]:
        """The content's bytes; raises BlobDamaged, at the latest where they end, and Unreadable."""
        name, digest = self.name_of(sha256), hashlib.sha256()
        try:
            with opened_beneath(self.root, BLOBS, *name.split("/")) as descriptor:
                for piece in self._pieces(descriptor, name, size):
                    digest.update(piece)
                    yield piece
        except SegmentBroken as error:
            raise BlobDamaged(f"{BLOBS}/{name}: {error}") from None
        if digest.hexdigest() != sha256:
            raise BlobDamaged(f"{BLOBS}/{name}: its digest is another")

    def _pieces(self, descriptor: int, name: str, size: int) -> Iterator[bytes]:
        if self.keys is not None:
            return _readable(sealed_streams.opened(descriptor, size, name, self.keys.ring), name)
        if os.fstat(descriptor).st_size != size:
            raise SegmentBroken("the size")
        return pieces_of(descriptor, name)


def pieces_of(descriptor: int, name: str) -> Iterator[bytes]:
    """All bytes of an open file; raises Unreadable."""
    return _readable(iter(lambda: os.read(descriptor, _PIECE), b""), name)


def _readable(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Tell a disk that cannot be read from one that cannot be written, which is this site's."""
    try:
        yield from pieces
    except OSError as error:
        raise Unreadable(f"{name}: {error.strerror}") from None


@contextmanager
def opened_beneath(root: Path, *parts: str) -> Iterator[int]:
    """A descriptor of a file below the folder, on the way to which no link is followed and which is no pipe or device.

    Raises Unreadable where there is none.
    """
    descriptor, name = -1, "/".join(parts)
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in parts:
            above, descriptor = descriptor, os.open(part, _FLAGS, dir_fd=descriptor)
            os.close(above)
    except OSError as error:
        if descriptor >= 0:
            os.close(descriptor)
        raise Unreadable(f"{name}: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unreadable(f"{name}: it is no file")
        yield descriptor
    finally:
        os.close(descriptor)


def header_of(root: Path) -> Header | None:
    """What the folder says of itself; None where it is no seed.  Raises Invalid where it cannot be understood."""
    if not os.path.lexists(root / HEADER):
        return None
    try:
        with opened_beneath(root, HEADER) as descriptor:
            return _header(os.read(descriptor, _MOST_HEADER))
    except (Unreadable, OSError, ValueError, TypeError, RecursionError):
        raise Invalid(
            f"{root / HEADER} cannot be read or understood; export the seed anew, or with the release that this site has.",
            code="seed-unreadable",
        ) from None


def _header(text: bytes) -> Header:
    """Raises ValueError or TypeError where it is not what is written here."""
    header = Header(**json.loads(text))
    for name, value in asdict(Header(sealed=False)).items():
        if type(getattr(header, name)) is not type(value):
            raise TypeError(name)
    if header.format != FORMAT or (header.sealed and not re.fullmatch(rf"[0-9a-f]{{{2 * _SALT}}}", header.salt)):
        raise ValueError(header.format)
    return header


def opened(root: Path, header: Header, secret: str) -> SeedFolder:
    """The folder; raises Invalid with a code ``secret-…`` where the secret does not open it."""
    if not header.sealed:
        return SeedFolder(root, header, None)
    if not secret:
        raise Invalid(
            "This seed is sealed: give --secret FILE, the file that 'replication export-seed' was given.",
            code="secret-needed",
        )
    keys = Keys(secret, header.salt)
    if not keys.is_proved(header):
        raise Invalid(
            f"The secret does not open the seed in {root}, or its {HEADER} was changed: give --secret FILE, the file that "
            "'replication export-seed' was given. Nothing was taken.",
            code="secret-wrong",
        )
    return SeedFolder(root, header, keys)


def made(root: Path, secret: str, *, site: str) -> SeedFolder:
    """A new one, sealed where there is a secret; nothing is written yet."""
    if not secret:
        return SeedFolder(root, Header(sealed=False, site=site), None)
    if len(secret) < SHORTEST:
        raise Invalid(
            f"A seed is sealed with {SHORTEST} characters or more: take the replica's secret, or make up a longer one.",
            code="secret-short",
        )
    salt = secrets.token_hex(_SALT)
    return SeedFolder(root, Header(sealed=True, salt=salt, site=site), Keys(secret, salt))
