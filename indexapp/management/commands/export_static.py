"""``manage.py export_static``: write an index as a tree of files that any web server serves."""

from __future__ import annotations

import errno
import json
import sys
from argparse import ArgumentTypeError
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.services.static_export import exporting
from indexapp.services.static_export.choosing import LAST
from indexapp.services.static_export.exporting import Summary, Wish
from indexapp.storage import BlobDamaged, StorageUnavailable
from tpi_site.kit.command_arguments import count
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """Leaves with 0, with 1 when contents could not be read and are not in the tree, with 2 when it could not go on."""

    help = "Write an index as a tree that any web server serves; run again it writes what changed, killed it goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("index", help="a hosted index, a mirror or a group")
        parser.add_argument("folder", type=Path, help="an empty folder, or one of an earlier export of the index")
        parser.add_argument(
            "--projects", nargs="+", default=[], metavar="PATTERN", help="only these, as acme-* or acme-tool"
        )
        parser.add_argument(
            "--since-serial",
            type=_serial,
            metavar="SERIAL",
            help="look only at what changed since; 'last': since the last export into the folder",
        )
        parser.add_argument("--delete", action="store_true", help="remove what is no more, after its pages")
        parser.add_argument("--quick", action="store_true", help="believe a file that is there with the right size")
        parser.add_argument(
            "--hardlinks-from",
            type=Path,
            metavar="FOLDER",
            help="take files as hard links from another export, where they are right",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        wish = Wish(
            options["index"],
            options["folder"].absolute(),
            tuple(options["projects"]),
            options["since_serial"],
            deletes=options["delete"],
            is_quick=options["quick"],
            twin=options["hardlinks_from"],
            progress=self._progress,
        )
        try:
            summary = exporting.export(actor=internal("export_static"), wish=wish)
        except Refusal as refusal:
            raise CommandError(refusal.detail, returncode=2) from None
        except (StorageUnavailable, BlobDamaged) as error:
            raise CommandError(
                f"The storage cannot be read; run the same command again to go on. It said: {str(error).rstrip('.')}.",
                returncode=2,
            ) from None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise CommandError(
                    f"The file system of {wish.folder} takes no name as long as "
                    f"{Path(str(error.filename2 or error.filename)).name}. Leave its project out by --projects, or export to a "
                    "file system that takes longer names.",
                    returncode=2,
                ) from None
            raise CommandError(
                f"The folder {wish.folder} cannot be written: {error.strerror or error}. Run the same command again to go on.",
                returncode=2,
            ) from None
        self.stdout.write(json.dumps(asdict(summary)) if options["json"] else _sentences(summary))
        if summary.lacking:
            sys.exit(1)

    def _progress(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done} of {total} projects", ending="" if done < total else "\n")


def _serial(text: str) -> int:
    with suppress(ArgumentTypeError):
        return LAST if text == "last" else count(text)
    raise ArgumentTypeError(f"give a serial or 'last', not '{text[:40]}'.")


def _sentences(summary: Summary) -> str:
    there = f"{summary.projects} projects, {summary.files} files ({summary.bytes} bytes), {summary.pages} pages"
    copied = f"Copied {summary.copied} files ({summary.copied_bytes} bytes), linked {summary.linked}"
    lines = [
        f"The index '{summary.index}' at serial {summary.serial}: {there}.",
        f"{copied}, wrote {summary.written_pages} pages, removed {summary.removed}.",
        f"The manifest has the SHA-256 {summary.manifest_sha256}.",
        *(f"missing or damaged: {path}" for path in summary.examples),
    ]
    if summary.lacking:
        lines.append(f"{summary.lacking} contents could not be read and are not in it; see 'manage.py fsck --deep'.")
    return "\n".join(lines)
