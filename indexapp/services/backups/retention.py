"""How many backups are kept, and removing what none of them needs.

Manifests go first, so that no backup is ever listed whose contents are gone.  Whose contents cannot be read (another
installation's, made under a key that is not here, damaged) keeps everything: nothing is removed then.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from accounts.services import audit_keys
from indexapp.domain.backup_manifest import Manifest, ManifestBroken
from indexapp.services.backups import packing
from indexapp.services.backups.copying import KnownContents
from indexapp.services.backups.places import Place
from indexapp.storage import BlobDamaged, ObjectStore
from tpi_site.kit.errors import Conflict


@dataclass(frozen=True, slots=True)
class Removed:
    """The names of the backups that went, and how many objects and parts with them."""

    backups: tuple[str, ...] = ()
    objects: int = 0


def apply(place: Place, *, keep: int) -> Removed:
    """Keep the newest ``keep`` backups of this installation and what they need; 0 keeps all.

    Call it under the lock of backups: what a running one has copied is named by no manifest yet.
    """
    if keep < 1:
        return Removed()
    every, broken = place.all()
    if broken:
        raise Conflict(f"Nothing is removed while a manifest cannot be read: {broken[0]}.", code="backup-unreadable")
    ours = [each for each in every if each.installation == audit_keys.public_key().name]
    going = ours[:-keep]
    if not going:
        return Removed()
    gone = {each.name for each in going}
    needed, parts = _needed(place, [each for each in every if each.name not in gone])
    try:
        for manifest in going:
            place.forget(manifest.name)
        removed = _sweep(place.objects, needed) + _sweep(place.parts.objects, parts)
    finally:
        needed.close()
        parts.close()
    return Removed(tuple(each.name for each in going), removed)


def _needed(place: Place, kept: list[Manifest]) -> tuple[KnownContents, KnownContents]:
    needed, parts = KnownContents(), KnownContents()
    for manifest in kept:
        try:
            needed.add(packing.contents_of(place, manifest))
        except (BlobDamaged, FileNotFoundError, ManifestBroken) as error:
            raise Conflict(
                f"Nothing is removed, because the contents of the backup {manifest.name} cannot be read: {error}.",
                code="backup-unreadable",
            ) from None
        for part in manifest.parts:
            parts.add_name(part.object_name)
    return needed, parts


def _sweep(store: ObjectStore, needed: KnownContents) -> int:
    removed = 0
    for name in _names_of(store):
        if not needed.has_name(name):
            store.delete(name)
            removed += 1
    return removed


def _names_of(store: ObjectStore) -> Iterator[str]:
    """The names, noted on the disk before any is removed: a list that changes while it is read may leave some out."""
    with tempfile.TemporaryFile("w+") as noted:
        noted.writelines(f"{name}\n" for name in store.names())
        noted.seek(0)
        yield from (line.rstrip("\n") for line in noted)
