"""``manage.py move_storage``: copy the files to another storage while the installation goes on."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.services import moving
from indexapp.services.integrity import checking
from indexapp.services.moving import Progress
from indexapp.storage import ObjectStore, StorageUnavailable, addresses
from tpi_site.kit import read_only
from tpi_site.kit.errors import Unavailable

_EVERY = {True: 0.2, False: 30.0}
"""Seconds between two lines on a terminal, and elsewhere."""

_ONCE_MORE = ", and run this command once more with --from and the old address, for what was uploaded meanwhile."
_ALL = "; in read-only mode nothing was uploaded meanwhile, so that this is all."


class Command(BaseCommand):
    """May be broken off and begun again; what is there already is not sent a second time."""

    help = "Copy every file to another storage and prove each copy; then tell which setting to change."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("to", help="an address as TPI_STORAGE_URL takes it, or a folder")
        parser.add_argument(
            "--from",
            dest="source",
            default="",
            metavar="FOLDER_OR_ADDRESS",
            help="where to copy from, instead of TPI_STORAGE_URL",
        )
        parser.add_argument("--dry-run", action="store_true", help="count what would be copied")

    def handle(self, *args: Any, **options: Any) -> None:
        source = addresses.address_of(options["source"] or settings.TPI_STORAGE_URL)
        target = addresses.address_of(options["to"])
        if source == target:
            raise CommandError("Both addresses are the same; give the address of another storage.")
        self._next = 0.0
        try:
            progress = moving.copy_all(
                _given(source) if options["source"] else _store(source, "TPI_STORAGE_URL"),
                _store(target, "The address to move to"),
                is_rehearsal=options["dry_run"],
                report=self._show,
            )
            if target == settings.TPI_STORAGE_URL and not options["dry_run"]:
                self._free()
        except StorageUnavailable as error:
            said = addresses.reason(error)
            raise CommandError(f"A storage went away; run the same command again to go on. It said: {said}") from None
        except Unavailable as error:  # heads are proved with the key ring
            raise CommandError(error.detail) from None
        self._conclude(progress, target, is_rehearsal=options["dry_run"])

    def _free(self) -> None:
        """Serve again what readers found missing here before this brought it."""
        if freed := checking.free_what_is_right(actor=internal("move_storage")):
            self.stdout.write(
                f"{freed} files that had been held back as missing or damaged are right here and served again."
            )

    def _show(self, progress: Progress) -> None:
        is_terminal = self.stderr.isatty()
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + _EVERY[is_terminal]
        line = f"{progress.done} of {progress.total} files, {progress.copied_bytes / 2**20:.0f} MiB copied"
        self.stderr.write(f"\r{line}" if is_terminal else line, ending="" if is_terminal else "\n")

    def _conclude(self, progress: Progress, target: str, *, is_rehearsal: bool) -> None:
        verb = "Would copy" if is_rehearsal else "Copied"
        self.stdout.write(
            f"{verb} {progress.copied} files ({progress.copied_bytes} bytes); {progress.already_there} were there already."
        )
        if progress.damaged:
            names = "\n".join(progress.damaged)
            raise CommandError(f"{len(progress.damaged)} files are missing or damaged and were not copied:\n{names}")
        if not is_rehearsal and target != settings.TPI_STORAGE_URL:
            self.stdout.write(
                f"Now set TPI_STORAGE_URL={target} and restart{_ONCE_MORE if read_only.why() is None else _ALL}"
            )


def _given(address: str) -> ObjectStore:
    folder = addresses.folder_of(address)
    if folder is not None and not (folder / "blobs").is_dir():
        raise CommandError(f"--from: there is no folder 'blobs' at {folder}.")
    return _store(address, "--from")


def _store(address: str, called: str) -> ObjectStore:
    try:
        return addresses.store_for(address, settings.TPI_DATA_DIR / "tmp", called)
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"There can be no files at {address}: {addresses.reason(error)}") from None
