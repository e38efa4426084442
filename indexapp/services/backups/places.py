"""Where backups are: contents as they lie in the storage, sealed parts, and one manifest for each backup.

``objects`` are the place itself, so that ``fsck --repair-from`` takes the same address; ``parts`` and ``manifests`` lie
below it.  A manifest is written last and in one go: a backup that was killed is none, and what it
copied the next one finds there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from indexapp.domain.backup_manifest import LARGEST, NAME, Manifest, ManifestBroken, Part, parsed
from indexapp.storage import BlobStorage, ObjectStore, StoredBlob, addresses
from indexapp.storage.names import name_of
from indexapp.storage.telling import told
from tpi_site.kit.errors import Invalid, NotFound

_PIECE = 256 * 1024
_MANIFESTS = "manifests"


@dataclass(frozen=True, slots=True)
class Place:
    """An address with its three stores; ``address`` is for people and records, ``source`` may hold a password."""

    address: str
    source: str = field(repr=False)
    objects: ObjectStore
    parts: BlobStorage
    manifests: ObjectStore

    @property
    def contents(self) -> BlobStorage:
        """The objects as contents that are read."""
        return BlobStorage(self.objects, encrypting=False)

    def opened(self, part: Part) -> Iterator[bytes]:
        """The plain bytes of a part, each proved; raises FileNotFoundError, BlobDamaged."""
        return self.parts.read(StoredBlob(part.object_name, part.size, part.sealed_key))

    def keep(self, manifest: Manifest) -> str:
        """Write the manifest, by which the backup comes into being; returns its SHA-256."""
        text = manifest.to_json().encode()
        with self.manifests.spool() as spool:
            spool.file.write(text)
            self.manifests.put(_name_of(manifest.name), spool)
        return manifest.sha256

    def manifest(self, name: str) -> Manifest:
        """The manifest of this backup; raises FileNotFoundError, ManifestBroken."""
        return self._own(_name_of(name))

    def forget(self, name: str) -> None:
        """Let the backup be one no more; what it alone needs is collected afterwards."""
        self.manifests.delete(_name_of(name))

    def all(self) -> tuple[list[Manifest], list[str]]:
        """The backups, the oldest first, and of what could not be read what is wrong with it."""
        good, bad = [], []
        for name in self.manifests.names():
            try:
                found = self._own(name)
            except FileNotFoundError:
                if _is_something(self.manifests.local_path(name)):
                    bad.append(f"{name}: it is no file")
            except ManifestBroken as broken:
                bad.append(f"{name}: {broken}")
            else:
                good.append(found)
        return sorted(good, key=lambda each: (each.made_at, each.name)), bad

    def _own(self, name: str) -> Manifest:
        found = self._read(name)
        if _name_of(found.name) != name:
            raise ManifestBroken("it is another backup's")
        return found

    def chosen(self, name: str) -> Manifest:
        """The backup of this name, or the newest; refused where there is none, or where it cannot be read."""
        if name:
            return self._named(name)
        good, bad = self.all()
        if not good:
            sentence = f"There is no backup at {self.address}" + (f": {'; '.join(bad)}" if bad else "")
            raise NotFound(f"{sentence}.", code="backup-unknown")
        return good[-1]

    def _named(self, name: str) -> Manifest:
        try:
            return self.manifest(name) if NAME.match(name) else self._none(name)
        except FileNotFoundError:
            return self._none(name)
        except ManifestBroken as broken:
            raise Invalid(
                f"The manifest of the backup {name} cannot be used: {broken}.", code="manifest-broken"
            ) from None

    def _none(self, name: str) -> Manifest:
        there = ", ".join(each.name for each in self.all()[0]) or "none"
        raise NotFound(
            f"There is no backup '{name[:40]}' at {self.address}; there are: {there}.", code="backup-unknown"
        )

    def _read(self, name: str) -> Manifest:
        stream, text = self.manifests.open(name), b""
        try:
            while len(text) <= LARGEST and (piece := stream.read(_PIECE)):
                text += piece
        finally:
            stream.close()
        return parsed(text)


def at(address: str, *, is_made: bool = False) -> Place:
    """The place: a folder, or an address of a folder or a bucket as ``TPI_STORAGE_URL`` takes it.

    A folder without backups is refused unless the place may be made now.
    """
    whole = address if "://" in address else f"file://{quote(str(Path(address).resolve()))}"
    if urlsplit(whole).scheme not in ("file", "s3"):
        raise Invalid("Backups are kept in a folder or at an s3://bucket/prefix address.", code="backup-place")
    if _same(whole, settings.TPI_STORAGE_URL):
        raise Invalid("A backup beside the files is lost with them; give another place.", code="backup-place")
    if not is_made and whole.startswith("file:") and not (Path(unquote(urlsplit(whole).path)) / _MANIFESTS).is_dir():
        raise NotFound(f"There is no backup at {told(address)}.", code="backup-unknown")
    try:
        objects, parts, manifests = (_store(whole, below) for below in ("", "parts", _MANIFESTS))
    except (ImproperlyConfigured, OSError) as error:
        raise Invalid(
            told(f"There can be no backups at {address}: {addresses.reason(error)}"), code="backup-place"
        ) from None
    return Place(told(whole), whole, objects, BlobStorage(parts, encrypting=True), manifests)


def _is_something(path: Path | None) -> bool:
    """Whether anything has the name, also what is no file: a pipe, a link."""
    return path is not None and os.path.lexists(path)


def _same(one: str, other: str) -> bool:
    """Whether two addresses are the same place, whatever their options."""
    parts = [urlsplit(each) for each in (one, other)]
    first, second = ((each.scheme, each.netloc, each.path.strip("/")) for each in parts)
    return first == second


def _store(address: str, below: str) -> ObjectStore:
    parts = urlsplit(address)
    path = f"{parts.path.rstrip('/')}/{below}".rstrip("/") or "/"
    return addresses.store_for(urlunsplit(parts._replace(path=path)), settings.TPI_DATA_DIR / "tmp")


def _name_of(backup: str) -> str:
    return name_of(hashlib.sha256(backup.encode()).hexdigest())
