"""``manage.py restore``: bring a backup back into an empty installation."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.domain.backup_manifest import Manifest, ManifestBroken
from indexapp.services.backups import authenticity, places, restore_checks, restoring
from indexapp.services.backups.places import Place
from indexapp.services.backups.restore_checks import RestoreRefused, Target
from indexapp.services.backups.restoring import Restored
from indexapp.storage import BlobDamaged, StorageUnavailable
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Leaves with 0 when all is as it was, with 1 when the examination found faults, with 2 when nothing was restored."""

    help = "Check a backup completely, restore it into this empty installation, and examine every byte of it."
    requires_system_checks = ()  # which ask the database that is not there yet

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", metavar="from", help="the folder or the address that the backup was made to")
        parser.add_argument("--backup", default="", metavar="NAME", help="which one; the newest without it")
        parser.add_argument("--dry-run", action="store_true", help="check everything and change nothing")
        parser.add_argument(
            "--used-storage", action="store_true", help="the storage outlived its database: keep its objects"
        )
        parser.add_argument(
            "--other-secrets",
            action="store_true",
            help="go on although TPI_SECRET_KEY, TPI_TOKEN_PEPPER or TPI_AUDIT_KEY are lost: sessions and tokens end",
        )
        parser.add_argument(
            "--manifest-sha256",
            default="",
            metavar="HEX",
            help="what 'manage.py backup' said of it: the manifest must be exactly that one",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        settings.TPI_DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = Target(
            options["used_storage"],
            options["other_secrets"],
            manifest_sha256=options["manifest_sha256"].strip().lower(),
        )
        try:
            place = places.at(options["source"])
            manifest, doubts = authenticity.chosen(place, options["backup"], authenticity.unrecorded)
            for sentence in doubts:
                self.stderr.write(f"NOT BELIEVED, and passed over: {sentence}")
            if options["dry_run"]:
                self._rehearse(place, manifest, target, as_json=options["json"])
            else:
                self._restore(place, manifest, target, as_json=options["json"])
        except RestoreRefused as refusal:
            self._refuse(manifest, refusal, as_json=options["json"])
        except Refusal as refusal:
            raise CommandError(refusal.detail, returncode=2) from None
        except (StorageUnavailable, BlobDamaged, ManifestBroken, FileNotFoundError) as error:
            raise CommandError(
                f"It was broken off; run it again to go on. {str(error).rstrip('.')}.", returncode=2
            ) from None

    def _rehearse(self, place: Place, manifest: Manifest, target: Target, *, as_json: bool) -> None:
        found = restore_checks.check(
            place, manifest, target, lambda done, total: self._progress("checked", done, total)
        )
        if found.problems:
            raise RestoreRefused(found.problems)
        if as_json:
            self.stdout.write(json.dumps(restore_checks.as_json(manifest, found)))
            return
        self.stdout.write(
            f"The backup {manifest.name} can be restored here: {found.contents} contents ({found.content_bytes} bytes) are "
            "whole."
        )

    def _restore(self, place: Place, manifest: Manifest, target: Target, *, as_json: bool) -> None:
        done = restoring.restore(
            actor=internal("restore"), place=place, manifest=manifest, target=target, report=self._progress
        )
        self._tell(place, manifest, done, as_json=as_json)
        if not done.is_good:
            sys.exit(1)

    def _tell(self, place: Place, manifest: Manifest, done: Restored, *, as_json: bool) -> None:
        if as_json:
            found = restore_checks.as_json(manifest, done.findings) | {
                "copied": done.copied,
                "next_serial": done.next_serial,
                "faults": done.faults,
                "audit_faults": done.audit_faults,
            }
            self.stdout.write(json.dumps(found))
            return
        for fault in (*done.faults, *done.audit_faults):
            self.stdout.write(fault)
        self.stdout.write(
            f"Restored {manifest.name} of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC: {done.contents} contents, of which "
            f"{done.copied} were copied; {len(done.faults)} faults, {len(done.audit_faults)} of the audit log. Serials go on "
            f"from {done.next_serial}."
        )
        self.stdout.write("The installation had these settings:")
        for name, value in restore_checks.configuration_of(place, manifest).items():
            self.stdout.write(f"  {name}={value}")

    def _refuse(self, manifest: Manifest, refusal: RestoreRefused, *, as_json: bool) -> None:
        for problem in refusal.problems:
            found = {"code": problem.code, "subject": problem.subject, "sentence": problem.sentence}
            self.stdout.write(json.dumps(found) if as_json else str(problem))
        raise CommandError(
            f"The backup {manifest.name} was not restored, and nothing was changed: {refusal.count}.",
            returncode=2,
        )

    def _progress(self, what: str, done: int, total: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{what} {done} of {total} contents", ending="" if done < total else "\n")
