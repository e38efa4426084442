"""``manage.py backups``: what is at a place."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from indexapp.domain.backup_manifest import Manifest
from indexapp.services.backups import places
from indexapp.storage import StorageUnavailable
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Needs neither keys nor a database."""

    help = "List the backups in a folder or a bucket, the oldest first."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "at", nargs="?", default=settings.TPI_BACKUP_URL, help="a folder or an address; TPI_BACKUP_URL without it"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            good, broken = places.at(options["at"]).all()
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        except StorageUnavailable as error:
            raise CommandError(f"The storage does not answer: {error}") from None
        for manifest in good:
            self.stdout.write(json.dumps(_figures(manifest)) if options["json"] else _line(manifest))
        for sentence in broken:
            self.stdout.write(json.dumps({"broken": sentence}) if options["json"] else f"cannot be read: {sentence}")


def _figures(manifest: Manifest) -> dict[str, Any]:
    names = ("name", "kind", "base", "product", "database", "serial", "contents", "content_bytes", "damaged", "keys")
    return {**{name: getattr(manifest, name) for name in names}, "made_at": manifest.made_at.isoformat()}


def _line(manifest: Manifest) -> str:
    lost = f", {manifest.damaged} of them lost before" if manifest.damaged else ""
    return (
        f"{manifest.name} {manifest.kind} {manifest.database}, release {manifest.product}, serial {manifest.serial}: "
        f"{manifest.contents} contents ({manifest.content_bytes} bytes){lost}; keys {', '.join(manifest.keys)}"
    )
