"""``manage.py verify_audit``: whether the audit log is what was written."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.domain.checkpoints import Checkpoint, CheckpointBroken, PublicKey, opened, public_keys
from accounts.services import audit_keys, audit_verification
from accounts.services.audit_verification import Report
from tpi_site.kit.errors import Refusal

_HELD = "The chain was held against {}."
_ALONE = (
    "WARNING: no checkpoint from outside was given (--checkpoint FILE); a cut end, or a chain that was computed anew together "
    "with the stored checkpoints, would not be seen."
)


class Command(BaseCommand):
    """Ends with 0 if all is well and with 1 if not."""

    help = "Verify the audit log: every entry, the chain, the stored checkpoints, and one that was kept elsewhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint that was kept elsewhere")
        parser.add_argument(
            "--public-key",
            type=Path,
            metavar="FILE",
            help="the keys that may have signed checkpoints, one a line; without it the installation's own",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            keys = _keys(options["public_key"])
            outside = _outside(options["checkpoint"], keys)
            report = audit_verification.verify(keys, outside)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        self._print(report, options["checkpoint"])
        if not report.is_good:
            sys.exit(1)

    def _print(self, report: Report, outside: Path | None) -> None:
        for fault in report.faults:
            self.stdout.write(f"{fault.kind.upper()}: {fault.sentence}")
        checkpoints = f"{report.checkpoints} stored checkpoint{'' if report.checkpoints == 1 else 's'}"
        rate = report.entries / report.seconds if report.seconds else 0
        self.stdout.write(
            f"{report.entries} entries verified in {report.seconds:.2f} s ({rate:.0f}/s), "
            f"{checkpoints}, head {base64.b64encode(report.head).decode()}."
        )
        self.stdout.write(_HELD.format(outside) if outside else _ALONE)
        if report.waiting.count and report.waiting.since:
            age = (timezone.now() - report.waiting.since).total_seconds()
            self.stdout.write(f"{report.waiting.count} entries wait for their place, the oldest for {age:.0f} s.")
        self.stdout.write("The audit log is intact." if report.is_good else "The audit log is NOT intact.")


def _keys(path: Path | None) -> list[PublicKey]:
    if path is None:
        return [audit_keys.public_key()]
    try:
        return public_keys(_text(path))
    except CheckpointBroken as broken:
        raise CommandError(f"{path}: {broken}.") from None


def _outside(path: Path | None, keys: list[PublicKey]) -> Checkpoint | None:
    if path is None:
        return None
    try:
        return opened(_text(path), keys)
    except CheckpointBroken as broken:
        raise CommandError(f"The checkpoint {path} cannot be used: {broken}.") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}.") from None
