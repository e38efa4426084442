"""``manage.py backup``: make a backup while everything goes on."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.services.backups import taking
from indexapp.services.backups.taking import Outcome, Wish
from indexapp.storage import BlobDamaged, StorageUnavailable
from tpi_site.kit.command_arguments import count
from tpi_site.kit.errors import Refusal

KEYS_APART = (
    "The keys are not in it: keep the key ring (TPI_KEYRING), TPI_SECRET_KEY, TPI_TOKEN_PEPPER and TPI_AUDIT_KEY elsewhere; "
    "without them it cannot be restored."
)


class Command(BaseCommand):
    """Leaves with 0, with 1 when contents are missing or something at the place is not believed, with 2 without a backup."""

    help = "Back up database, contents and settings to a folder or a bucket; killed, it goes on where it was the next time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "to", nargs="?", default=settings.TPI_BACKUP_URL, help="a folder or an address; TPI_BACKUP_URL without it"
        )
        parser.add_argument(
            "--incremental", action="store_true", help="copy what is new since the last one, read no more"
        )
        parser.add_argument(
            "--keep", type=count, default=0, metavar="N", help="remove all but the newest N backups there"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["to"]:
            raise CommandError("Say where to: a folder, an s3:// address, or TPI_BACKUP_URL.", returncode=2)
        wish = Wish(options["to"], options["incremental"], options["keep"])
        try:
            outcome = taking.take(actor=internal("backup"), wish=wish)
        except Refusal as refusal:
            raise CommandError(refusal.detail, returncode=2) from None
        except StorageUnavailable as error:
            raise CommandError(
                f"A storage went away; run the same command again to go on. It said: {str(error).rstrip('.')}.",
                returncode=2,
            ) from None
        except (BlobDamaged, FileNotFoundError) as error:
            raise CommandError(
                f"Something at the place or in the storage cannot be read: {error}", returncode=2
            ) from None
        self._tell(outcome, as_json=options["json"])
        if outcome.row.damaged or outcome.doubts:
            sys.exit(1)

    def _tell(self, outcome: Outcome, *, as_json: bool) -> None:
        row = outcome.row
        if as_json:
            names = (
                "name",
                "place",
                "kind",
                "state",
                "contents",
                "copied",
                "copied_bytes",
                "damaged",
                "manifest_sha256",
                "sentence",
            )
            found = {name: getattr(row, name) for name in names}
            found |= {"serial": outcome.manifest.serial, "keys": outcome.manifest.keys, "notice": KEYS_APART}
            found |= {"removed": outcome.removed.backups, "removed_objects": outcome.removed.objects}
            found |= {"doubts": outcome.doubts}
            self.stdout.write(json.dumps(found))
            return
        self.stdout.write(f"Backup {row.name} ({row.kind}) at {row.place}: {row.sentence}.")
        for name in outcome.damaged:
            self.stdout.write(f"missing or damaged: {name}")
        for sentence in outcome.doubts:
            self.stdout.write(f"NOT BELIEVED: {sentence}")
        if outcome.removed.backups:
            gone = ", ".join(outcome.removed.backups)
            self.stdout.write(f"Removed {gone}, and {outcome.removed.objects} objects that no other backup needs.")
        needed = ", ".join(f"{key_id} ({digest})" for key_id, digest in outcome.manifest.keys.items())
        self.stdout.write(
            f"It needs the keys {needed} of the key ring. Its manifest has the SHA-256 {row.manifest_sha256}."
        )
        self.stdout.write(KEYS_APART)
