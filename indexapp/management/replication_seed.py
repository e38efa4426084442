"""``manage.py replication export-seed`` and ``seed``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.domain.actors import internal
from indexapp.services.replication import seed_export, seeding
from indexapp.services.replication.seed_export import Exported
from indexapp.services.replication.seeding import Seeded
from indexapp.storage import BlobDamaged, StorageUnavailable
from tpi_site.kit.command_arguments import count

_ACTOR = internal("replication")


def add_arguments(deeds: Any) -> None:
    """Of both commands."""
    export = deeds.add_parser("export-seed", help="write the contents of files to a disk that travels to a replica")
    export.add_argument("folder", type=Path, help="an empty folder, or one of an earlier export, which is gone on with")
    how = export.add_mutually_exclusive_group(required=True)
    how.add_argument("--secret", type=Path, metavar="FILE", help="seal it with what is in this file")
    how.add_argument("--plain", action="store_true", help="do not seal it: whoever has the disk reads all of it")
    export.add_argument("--index", action="append", default=[], help="only of this index; again for more")
    export.add_argument(
        "--since-serial", type=count, default=0, metavar="N", help="only of projects that changed since"
    )
    export.add_argument("--json", action="store_true", help="one JSON object")
    export.set_defaults(run=export_seed)
    seed = deeds.add_parser("seed", help="on a replica: take bytes that are wanted out of a folder")
    seed.add_argument("folder", type=Path, help="an exported seed, or any tree of wheels and source distributions")
    seed.add_argument(
        "--secret", type=Path, metavar="FILE", help="what it was sealed with; else this replica's own secret"
    )
    seed.add_argument("--json", action="store_true", help="one JSON object")
    seed.set_defaults(run=take_seed)


def export_seed(command: BaseCommand, options: dict[str, Any]) -> None:
    """Write it, and tell; leaves with 1 where contents could not be read."""
    wish = seed_export.Wish(
        options["folder"].absolute(),
        _secret(options["secret"]),
        tuple(options["index"]),
        options["since_serial"],
        _progress(command, "contents looked at"),
    )
    try:
        done = seed_export.export(actor=_ACTOR, wish=wish)
    except (StorageUnavailable, BlobDamaged) as error:
        raise CommandError(
            f"The storage cannot be read; run the same command again to go on. It said: {str(error).rstrip('.')}."
        ) from None
    command.stdout.write(json.dumps(asdict(done)) if options["json"] else _exported(done))
    if done.lacking:
        sys.exit(1)


def take_seed(command: BaseCommand, options: dict[str, Any]) -> None:
    """Take what is wanted, and tell; leaves with 1 where something there is damaged or cannot be read."""
    try:
        done = seeding.seed(
            actor=_ACTOR,
            folder=options["folder"].absolute(),
            secret=_secret(options["secret"]),
            progress=_progress(command, "contents taken"),
        )
    except StorageUnavailable as error:
        raise CommandError(f"The storage went away; run the same command again to go on. It said: {error}") from None
    except OSError as error:
        raise CommandError(f"A folder cannot be read or written: {error.strerror or error}; run it again.") from None
    command.stdout.write(json.dumps(done.as_json()) if options["json"] else _seeded(done))
    if done.seen.damaged or done.seen.unreadable:
        sys.exit(1)


def _secret(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise CommandError(f"The file of the secret cannot be read: {error}.") from None
    if not text:
        raise CommandError(f"There is no secret in {path}.")
    return text


def _progress(command: BaseCommand, what: str) -> Callable[[int], None]:
    def tell(number: int) -> None:
        if command.stderr.isatty():
            command.stderr.write(f"\r{number} {what}", ending="")

    return tell


def _exported(done: Exported) -> str:
    kind = "sealed" if done.sealed else "PLAIN"
    lines = [
        f"Wrote {done.written} contents ({done.written_bytes} bytes); {done.there} were there already.",
        f"The {kind} seed has {done.contents} contents of {done.size} bytes, as of serial {done.serial}.",
        *(f"missing or damaged here: {sha256}" for sha256 in done.examples),
    ]
    if done.lacking:
        lines.append(f"{done.lacking} contents could not be read here and are not in it; see 'manage.py fsck --deep'.")
    return "\n".join(lines)


def _seeded(done: Seeded) -> str:
    seen = done.seen
    lines = [
        f"Took {done.taken} contents of {done.taken_bytes} bytes out of the {done.kind}; {seen.not_needed} were not needed.",
        *(f"damaged or not to be read: {each}" for each in seen.examples),
    ]
    if seen.damaged or seen.unreadable:
        lines.append(
            f"{seen.damaged} contents there are damaged and {seen.unreadable} files or folders cannot be read."
        )
    if not done.complete:
        lines.append("The export of this seed was not ended: more may be in it when it was gone on with.")
    if done.left:
        lines.append(f"{done.left} contents could not be kept at this moment; run the same command again.")
    if done.serials_behind:
        lines.append(
            f"This replica is {done.serials_behind} serials behind: run the same command again when it has come further."
        )
    lines.append(
        f"{done.missing} contents of {done.missing_bytes} bytes are still missing, and come from the primary."
        if done.missing
        else "Nothing is missing now."
    )
    return "\n".join(lines)
