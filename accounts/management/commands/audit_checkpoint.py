"""``manage.py audit_checkpoint``: state, signed, how long the audit chain is, to be kept somewhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.services import audit_checkpoints, audit_keys
from tpi_site.kit.errors import Refusal


class Command(BaseCommand):
    """The note goes to standard output or a file, the key by which others verify it to standard error."""

    help = "Sign a checkpoint of the audit log and print it; keep it where who runs this installation cannot change it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, metavar="FILE", help="write the checkpoint there")
        parser.add_argument("--public-key", action="store_true", help="print only the public key, one line")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["public_key"]:
                self.stdout.write(str(audit_keys.public_key()))
                return
            made = audit_checkpoints.checkpoint()
            if made is None:
                raise CommandError("Nothing has been recorded yet.")
            self.stderr.write(f"Public key: {audit_keys.public_key()}")
            if options["out"] is None:
                self.stdout.write(made.note, ending="")
            else:
                options["out"].write_text(made.note, encoding="utf-8")
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        except OSError as error:
            raise CommandError(f"The checkpoint cannot be written: {error}.") from None
