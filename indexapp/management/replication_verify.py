"""``manage.py replication verify`` and ``check-result``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.domain.actors import internal
from accounts.domain.checkpoints import CheckpointBroken, public_keys
from accounts.services import audit_keys
from indexapp.clients.primary import PrimaryFailed
from indexapp.services.replication import verifying
from indexapp.services.replication.verifying import Verdict, Wish

_SAID = {
    Verdict.EQUAL: "This replica is equal to its primary.",
    Verdict.DIFFERENT: "This replica is NOT equal to its primary.",
    Verdict.INCOMPLETE: "All rows are the same; this replica still lacks bytes.",
    Verdict.MOVING: "The primary and this replica were never seen at one serial; try again when less is published, or with a "
    "longer --patience.",
}


def add_arguments(deeds: Any) -> None:
    """Of both commands."""
    verify = deeds.add_parser("verify", help="compare with the primary; leaves with 1 unless both are equal")
    verify.add_argument("--json", type=Path, metavar="FILE", help="write the result and its signature there")
    verify.add_argument("--deep", action="store_true", help="read all bytes of this site too")
    verify.add_argument("--patience", type=float, default=60.0, help="seconds to wait until both stand at one serial")
    verify.add_argument("--most", type=int, default=1000, help="differences that are named")
    check = deeds.add_parser("check-result", help="whether a result of verify was signed by a key that is trusted")
    check.add_argument("result", type=Path, metavar="FILE", help="what 'verify --json' wrote")
    check.add_argument(
        "--public-key", type=Path, metavar="FILE", help="keys, one a line; without it this installation's own"
    )


def verify(command: BaseCommand, options: dict[str, Any]) -> None:
    """Compare, print, write, and fail unless equal."""
    wish = Wish(patience=options["patience"], most=options["most"], is_deep=options["deep"])
    try:
        outcome = verifying.verify(actor=internal("replication"), wish=wish)
        if options["json"]:
            told = {"result": outcome.result, "note": outcome.note}
            options["json"].write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    except PrimaryFailed as error:
        raise CommandError(f"{error} ({error.code})") from None
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be written: {error.strerror}.") from None
    for each in outcome.differences:
        command.stdout.write(each.sentence)
    command.stdout.write(_sentence(outcome.result))
    command.stdout.write(outcome.note, ending="")
    command.stderr.write(f"Public key: {audit_keys.public_key()}")
    if outcome.verdict is not Verdict.EQUAL:
        raise CommandError(_SAID[outcome.verdict])


def _sentence(result: dict[str, Any]) -> str:
    ours, theirs, missing = result["replica"], result["primary"], result["missing"]
    more = " and more" if result["more_differences"] else ""
    return (
        f"{ours['projects']} projects and {ours['files']} files here, {theirs['projects']} and {theirs['files']} at the "
        f"primary, at serial {result['serial']}: {len(result['differences'])}{more} differences, {missing['wanted']} contents "
        f"still to come, {missing['damaged']} damaged; {result['seconds']} s. {_SAID[Verdict(result['verdict'])]}"
    )


def check_result(command: BaseCommand, options: dict[str, Any]) -> None:
    """Print what the result says, if it is signed."""
    path, key = options["result"], options["public_key"]
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        keys = public_keys(key.read_text(encoding="utf-8")) if key else [audit_keys.public_key()]
        result = verifying.checked(told, keys)
    except CheckpointBroken as broken:
        raise CommandError(f"{path} cannot be trusted: {broken}.") from None
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise CommandError(f"{path} is not what 'replication verify --json' writes.") from None
    command.stdout.write(_sentence(result))
    command.stdout.write("The signature is good.")
