"""Everything that is looked at before a restore changes anything; what is wrong is told completely."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from indexapp.domain.backup_manifest import Manifest, ManifestBroken, is_authentic
from indexapp.services.backups import packing, postgres_tools
from indexapp.services.backups.copying import fault_in
from indexapp.services.backups.places import Place
from indexapp.services.backups.secrets_needed import Missing, missing
from indexapp.storage import BlobDamaged, default_storage
from tpi_site.kit.errors import Conflict
from tpi_site.kit.key_ring import key_ring

OLDEST = {"accounts": "0011_switched_off_directories", "indexapp": "0007_blob_integrity"}
"""What a backup must have had applied for this release to bring it up to date."""
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a backup from being restored: a stable code, what it is about, and a sentence."""

    code: str
    subject: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.code} {self.subject}: {self.sentence}"


class RestoreRefused(Conflict):
    """The backup cannot be restored here, for all of these reasons; nothing was changed."""

    def __init__(self, problems: list[Problem]) -> None:
        shown = "; ".join(str(each) for each in problems[:_SHOWN])
        self.problems = problems
        super().__init__(f"Nothing was changed. {self.count}: {shown}.", code="restore-refused")

    @property
    def count(self) -> str:
        """How many reasons there are, as a sentence without its end."""
        return "1 thing is wrong" if len(self.problems) == 1 else f"{len(self.problems)} things are wrong"


@dataclass(slots=True)
class Target:
    """What may be found where the backup goes: objects of a storage that outlived its database, other secrets."""

    used_storage: bool = False
    other_secrets: bool = False
    resumes: str = ""
    """The backup whose restore was begun here before and not finished."""
    manifest_sha256: str = ""
    """What the manifest must be, as it was recorded when the backup was made; nothing where that is not known."""


@dataclass(slots=True)
class Findings:
    """What was looked at; ``lost`` are contents that the backup itself says it could not copy."""

    contents: int = 0
    content_bytes: int = 0
    lost: int = 0
    problems: list[Problem] = field(default_factory=list)


def check(
    place: Place, manifest: Manifest, target: Target, progress: Callable[[int, int], None] | None = None
) -> Findings:
    """Hold the backup against itself, against this installation's keys and release, and look whether the target is empty."""
    found = Findings()
    keys = missing(manifest, without_others=target.other_secrets)
    found.problems += [Problem(each.code, each.subject, each.sentence) for each in keys]
    if (wrong := _unproved(manifest, keys, target)) is not None:
        found.problems.append(wrong)
        return found
    found.problems += [*_release(manifest), *_database(manifest), *_empty(target)]
    can_read = not any(each.code.startswith("key-") for each in keys)
    found.problems += _parts(place, manifest) if can_read else []
    if can_read and not any(each.code == "part-damaged" for each in found.problems):
        found.problems += _contents(place, manifest, found, progress)
    return found


def _unproved(manifest: Manifest, keys: list[Missing], target: Target) -> Problem | None:
    """Whether digest and code are right; where the key is not here that is told as such."""
    if target.manifest_sha256 and target.manifest_sha256 != manifest.sha256:
        sentence = f"its SHA-256 is {manifest.sha256}, which is not the one that was given: it was changed"
        return Problem("manifest-tampered", manifest.name, sentence)
    if any(each.subject in (manifest.mac_key, "TPI_KEYRING") for each in keys):
        return None
    ring = key_ring()
    key = ring.keys.get(manifest.mac_key)
    if key is None or not is_authentic(manifest, key):
        return Problem("manifest-tampered", manifest.name, "its code is not right: it was changed")
    if manifest.mac_key in ring.given_up and not target.manifest_sha256:
        sentence = (
            f"the manifest is signed with the key '{manifest.mac_key}', which was given up because others know it, who may "
            "have written it: give --manifest-sha256 with the digest that was recorded when the backup was made"
        )
        return Problem("manifest-key-given-up", manifest.mac_key, sentence)
    return None


def _release(manifest: Manifest) -> Iterator[Problem]:
    known = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    for app, names in manifest.migrations.items():
        unknown = [name for name in names if (app, name) not in known]
        if unknown:
            sentence = (
                f"{app} has {', '.join(unknown)}, which this release does not know: install {manifest.product} or later"
            )
            yield Problem("version-newer", app, sentence)
    for app, name in OLDEST.items():
        if name not in manifest.migrations.get(app, []):
            sentence = f"{app} has not {name}: restore it with the release {manifest.product}, then upgrade"
            yield Problem("version-too-old", app, sentence)


def _database(manifest: Manifest) -> Iterator[Problem]:
    here = connection.vendor
    if manifest.database != here:
        sentence = (
            f"the backup is of {manifest.database}, and TPI_DATABASE_URL names {here}: give a database of that kind"
        )
        yield Problem("database-kind", here, sentence)
        return
    if here != "postgresql":
        return
    server = connection.pg_version // 10_000  # type: ignore[attr-defined]  # of PostgreSQL's
    if server < manifest.database_version:
        sentence = f"the backup is of PostgreSQL {manifest.database_version}, and the server here is {server}"
        yield Problem("database-version", here, sentence)
    if postgres_tools.version("pg_restore") < max(server, manifest.database_version):
        sentence = "the program pg_restore on this machine is missing or older than the server"
        yield Problem("database-program", "pg_restore", sentence)


def _empty(target: Target) -> Iterator[Problem]:
    if tables := _tables():
        sentence = (
            f"it has tables already ({', '.join(sorted(tables)[:3])} …): a backup goes into an empty installation only"
        )
        yield Problem("database-not-empty", str(connection.settings_dict["NAME"]), sentence)
    if target.used_storage or target.resumes:
        return
    if any(True for _ in islice(default_storage().names(), 1)):
        sentence = "it has objects already: give an empty one, or say --used-storage if it has outlived its database"
        yield Problem("storage-not-empty", "TPI_STORAGE_URL", sentence)


def _tables() -> list[str]:
    """The tables of the database, without making a file where there is none."""
    if connection.vendor == "sqlite":
        path = Path(str(connection.settings_dict["NAME"]))
        if not path.exists() or path.stat().st_size == 0:
            return []
    return connection.introspection.table_names()


def _parts(place: Place, manifest: Manifest) -> Iterator[Problem]:
    for part in manifest.parts:
        digest, wrong = hashlib.sha256(), ""
        try:
            for piece in place.opened(part):
                digest.update(piece)
        except FileNotFoundError:
            wrong = "it is missing"
        except BlobDamaged:
            wrong = "it was changed or cut"
        if wrong or digest.hexdigest() != part.sha256:
            yield Problem("part-damaged", part.role, wrong or "it has another SHA-256")
    roles = {part.role for part in manifest.parts}
    for role in {packing.DATABASE, packing.CONTENTS} - roles:
        yield Problem("part-damaged", role, "the manifest does not name it")


def _contents(
    place: Place, manifest: Manifest, found: Findings, progress: Callable[[int, int], None] | None
) -> Iterator[Problem]:
    """Read every content to its last byte; those that were lost before the backup was made are counted, not refused."""
    try:
        for content, is_there in packing.contents_of(place, manifest):
            found.contents += 1
            found.content_bytes += content.size
            if not is_there:
                found.lost += 1
            elif (fault := fault_in(content, place.objects, deep=True)) is not None:
                yield Problem(fault.code.value, content.object_name, fault.sentence)
            if progress is not None:
                progress(found.contents, manifest.contents)
    except (ManifestBroken, ValueError, TypeError) as error:
        yield Problem("part-damaged", packing.CONTENTS, str(error))
    if found.contents != manifest.contents:
        sentence = f"it lists {found.contents}, and the manifest says {manifest.contents}"
        yield Problem("part-damaged", packing.CONTENTS, sentence)


def as_json(manifest: Manifest, found: Findings) -> dict[str, Any]:
    """What a rehearsal prints."""
    return {
        "backup": manifest.name,
        "made_at": manifest.made_at.isoformat(),
        "contents": found.contents,
        "content_bytes": found.content_bytes,
        "lost_before": found.lost,
        "installation": manifest.installation,
        "problems": [
            {"code": each.code, "subject": each.subject, "sentence": each.sentence} for each in found.problems
        ],
    }


def configuration_of(place: Place, manifest: Manifest) -> dict[str, str]:
    """The settings that the installation had; raises ManifestBroken, BlobDamaged, FileNotFoundError."""
    found: dict[str, str] = json.loads(b"".join(place.opened(manifest.part(packing.CONFIGURATION))))
    return found
