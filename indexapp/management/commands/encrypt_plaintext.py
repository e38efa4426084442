"""``manage.py encrypt_plaintext``: seal what lies plain, as from before ``TPI_ENCRYPT`` was on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.domain.actors import internal
from accounts.services.keys.contents import Progress
from indexapp.services import resealing
from indexapp.storage import StorageUnavailable
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """A job does the same little by little; started again after a kill it goes on where it was."""

    help = "Seal every stored content that lies plain, while the installation goes on."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            progress = resealing.seal_plain(actor=internal("manage.py"), report=self._show)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        except StorageUnavailable as error:
            raise CommandError(f"The storage went away; run this again to go on. It said: {error}") from None
        self.stdout.write(f"{progress.done} contents ({progress.sealed_bytes} bytes) are sealed.")
        if progress.done:
            self.stdout.write("What lay plain goes at the next collection of garbage ('manage.py collect_garbage').")
        if progress.failed:
            raise CommandError(
                f"{progress.failed} contents cannot be read whole and lie plain still: see 'manage.py fsck'."
            )

    def _show(self, progress: Progress) -> None:
        seen = progress.done + progress.failed
        self.stdout.write(f"{seen} of {max(progress.total, seen)}, {progress.sealed_bytes / 2**20:.0f} MiB")
        self.stdout.flush()
