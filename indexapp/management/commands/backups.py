"""``manage.py backups``: what is at a place."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from indexapp.domain.backup_manifest import Manifest
from indexapp.services.backups import authenticity, places
from indexapp.services.backups.authenticity import Survey
from indexapp.storage import StorageUnavailable
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Leaves with 1 where something there is not believed.  Without keys or a database it lists, and says so of each."""

    help = "List the backups in a folder or a bucket, the oldest first, and whether each can be believed."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "at", nargs="?", default=settings.TPI_BACKUP_URL, help="a folder or an address; TPI_BACKUP_URL without it"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = authenticity.survey_or_all(places.at(options["at"]), authenticity.recorded_if_any)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        except StorageUnavailable as error:
            raise CommandError(f"The storage does not answer: {error}") from None
        self._tell(found, as_json=options["json"])
        if found.sentences or found.early:
            sys.exit(1)

    def _tell(self, found: Survey, *, as_json: bool) -> None:
        judged = [(each, "") for each in found.proved]
        judged += [(each, "its time lies ahead, so that it counts for nothing") for each in found.early]
        for manifest, doubt in (*judged, *found.doubted):
            self.stdout.write(json.dumps(_figures(manifest, doubt)) if as_json else _line(manifest, doubt))
        for sentence in found.broken:
            self.stdout.write(json.dumps({"broken": sentence}) if as_json else f"cannot be read: {sentence}")


def _figures(manifest: Manifest, doubt: str) -> dict[str, Any]:
    names = ("name", "kind", "base", "product", "database", "serial", "contents", "content_bytes", "damaged", "keys")
    found = {name: getattr(manifest, name) for name in names}
    judged = {"is_believed": not doubt, "doubt": doubt}
    return {**found, "made_at": manifest.made_at.isoformat(), "manifest_sha256": manifest.sha256, **judged}


def _line(manifest: Manifest, doubt: str) -> str:
    lost = f", {manifest.damaged} of them lost before" if manifest.damaged else ""
    if doubt:
        return f"NOT BELIEVED {manifest.name}: {doubt}"
    return (
        f"{manifest.name} {manifest.kind} {manifest.database}, release {manifest.product}, serial {manifest.serial}: "
        f"{manifest.contents} contents ({manifest.content_bytes} bytes){lost}; keys {', '.join(manifest.keys)}"
    )
