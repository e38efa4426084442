"""How many backups are kept, and removing what none of them needs.

Manifests go first, so that no backup is ever listed whose contents are gone.  Only manifests that are believed are counted
(:mod:`indexapp.services.backups.authenticity`).  One that is not, or whose contents cannot be read (another installation's,
made under a key that is not here, damaged), keeps everything: nothing is removed then, and that is told.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from accounts.services import audit_keys
from indexapp.domain.backup_manifest import Manifest, ManifestBroken
from indexapp.services.backups import packing
from indexapp.services.backups.authenticity import Survey
from indexapp.services.backups.copying import KnownContents
from indexapp.services.backups.places import Place
from indexapp.storage import BlobDamaged, ObjectStore
from tpi_site.kit.errors import Conflict


@dataclass(frozen=True, slots=True)
class Removed:
    """The names of the backups that went, how many objects and parts with them, and what keeps any from going."""

    backups: tuple[str, ...] = ()
    objects: int = 0
    held: str = ""


def apply(place: Place, found: Survey, *, keep: int, made: str) -> Removed:
    """Keep the newest ``keep`` backups of this installation, the one just ``made``, and what they need; 0 keeps all.

    Call it under the lock of backups: what a running one has copied is named by no manifest yet.
    """
    going = [each for each in found.of(audit_keys.public_key().name)[:-keep] if each.name != made] if keep > 0 else []
    if not going:
        return Removed()
    if found.sentences:
        return Removed(held=f"Nothing is removed while a manifest there is not believed ({found.sentences[0]})")
    gone = {each.name for each in going}
    try:
        needed, parts = _needed(place, [each for each in found.believed if each.name not in gone])
    except Conflict as conflict:
        return Removed(held=conflict.detail.rstrip("."))
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
