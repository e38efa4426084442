"""The parts of ``manage.py replication`` that are about taking over."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.domain.actors import internal
from indexapp.management import replication_drill
from indexapp.models import Following, Leftover, Replica, Takeover
from indexapp.services.replication import fences, heirs, leftovers, promoting, returning
from indexapp.services.replication.promoting import Promotion
from tpi_site.kit import read_only

_ACTOR = internal("replication")
_SHOWN = 20


def add_to(deeds: Any) -> None:
    """The further subcommands."""
    appoint_to = deeds.add_parser("appoint", help="on the primary: a replica may take over")
    appoint_to.add_argument("name")
    appoint_to.add_argument(
        "--url", required=True, help="its address, where it is asked and where clients find it then"
    )
    appoint_to.add_argument("--ca", type=Path, help="a file with the authorities (PEM) of its certificate")
    appoint_to.set_defaults(run=_appoint)
    dismiss = deeds.add_parser("dismiss", help="on the primary: a replica may not take over any more")
    dismiss.add_argument("name")
    dismiss.set_defaults(run=_dismiss)
    promote = deeds.add_parser("promote", help="on a replica that may: become the primary")
    promote.add_argument("--accept-missing", action="store_true", help="give up the bytes that are not here")
    promote.add_argument("--primary-is-down", action="store_true", help="do not ask the primary to stop first")
    promote.add_argument(
        "--list", type=Path, metavar="FILE", help="write what is missing, a line of JSON each; - for here"
    )
    promote.add_argument("--dry-run", action="store_true", help="only tell, and write the list")
    promote.set_defaults(run=_promote)
    replication_drill.add_to(deeds)
    _add_returning(deeds)
    confirm = deeds.add_parser("confirm-primary", help="on a primary that waits: nobody took over, it may write")
    confirm.add_argument("--lift-fence", action="store_true", help="even where another site took over; see the manual")
    confirm.set_defaults(run=_confirm)


def _add_returning(deeds: Any) -> None:
    rejoin = deeds.add_parser(
        "rejoin", help="on an old primary: tell what only it has, keep that, and follow the new primary"
    )
    again = deeds.add_parser("follow-primary", help="on a replica: follow the site that took over from its primary")
    for one, run in ((rejoin, _rejoin), (again, _follow_primary)):
        one.add_argument("primary", help="the address of the new primary")
        one.add_argument(
            "file", nargs="?", default=None, metavar="secret", help="a file with the secret; - for standard input"
        )
        one.add_argument("--ca", type=Path, help="a file with the authorities (PEM) of its certificate")
        one.set_defaults(run=run)
    rejoin.add_argument("--list", type=Path, metavar="FILE", help="write what only this site has, a line of JSON each")
    rejoin.add_argument(
        "--dry-run", action="store_true", help="only tell, and write the list; this site is fenced all the same"
    )
    kept = deeds.add_parser("quarantine", help="what an old primary brought back: list, export or discard it")
    kept.add_argument("what", choices=["list", "export", "discard"])
    kept.add_argument("names", nargs="*", help="export: the folder; discard: the ids of 'list', or all")
    kept.set_defaults(run=_quarantine)


def _named(name: str) -> Replica:
    row = Replica.objects.filter(name=name).first()
    if row is None:
        raise CommandError(f"There is no replica named '{name}'.")
    return row


def _authorities(options: dict[str, Any]) -> str:
    try:
        return options["ca"].read_text() if options["ca"] else ""
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from None


def appoint(row: Replica, options: dict[str, Any]) -> None:
    """Let it take over, as the options ``url`` and ``ca`` say; the command that calls it tells."""
    heirs.appoint(actor=_ACTOR, replica=row, url=options["url"], ca_certificates=_authorities(options))


def _appoint(command: BaseCommand, options: dict[str, Any]) -> None:
    appoint(_named(options["name"]), options)
    command.stdout.write(
        f"The replica '{options['name']}' may take over, at {options['url']}; it learns of it within a minute."
    )


def _dismiss(command: BaseCommand, options: dict[str, Any]) -> None:
    heirs.dismiss(actor=_ACTOR, replica=_named(options["name"]))
    command.stdout.write(f"The replica '{options['name']}' may not take over any more, and is not waited for.")


def write_list(path: Path, rows: Iterable[Any]) -> int:
    """Each as a line of JSON into the file, or to standard output for ``-``; returns how many."""
    number = 0
    try:
        with path.open("w", encoding="utf-8") if str(path) != "-" else open(1, "w", closefd=False) as file:
            for number, row in enumerate(rows, start=1):  # noqa: B007  how many there were
                file.write(json.dumps(asdict(row) if not isinstance(row, dict) else row, ensure_ascii=False) + "\n")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
    return number


def _promote(command: BaseCommand, options: dict[str, Any]) -> None:
    row = promoting.require_appointed(Following.objects.first())
    if options["list"] is not None:
        write_list(options["list"], promoting.missing())
    missing = promoting.count_missing()
    contact = row.contact_at.isoformat(timespec="seconds") if row.contact_at else "never"
    command.stdout.write(
        f"Replica of {row.primary_url}: last contact {contact}, at serial {row.cursor}, "
        f"{max(0, row.primary_serial - row.cursor)} behind what it was told then, bytes of {missing} files missing."
    )
    if options["dry_run"]:
        return
    made = promoting.promote(
        actor=_ACTOR, accepts_missing=options["accept_missing"], asks_primary=not options["primary_is_down"]
    )
    read_only.wait_until_known()
    for sentence in _told(made):
        command.stdout.write(sentence)


def _told(made: Promotion) -> list[str]:
    sentences = [f"This installation is the primary now, in {made.epoch}, which began after serial {made.serial}."]
    if made.was_handed_over:
        sentences.append(f"{made.old_url} had stopped, and all that it had was taken.")
    else:
        sentences.append(
            f"What {made.old_url} took after the last contact is not here; it lists that when it joins this site "
            "('manage.py replication rejoin' there)."
        )
    if made.missing:
        sentences.append(f"The bytes of {made.missing} files are given up for now.")
    fenced = "knows, and takes no changes." if made.is_fenced else "cannot be told yet; that is tried until it knows."
    sentences.append(f"The old primary {fenced}")
    if made.siblings:
        sentences.append(
            f"These may follow this site with the secrets that they have: {', '.join(made.siblings)}. Run 'manage.py "
            f"replication follow-primary {made.own_url}' on each."
        )
    return sentences


def _secret(options: dict[str, Any]) -> str:
    try:
        return (sys.stdin.read() if options["file"] == "-" else Path(options["file"]).read_text()).strip()
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from None


def _rejoin(command: BaseCommand, options: dict[str, Any]) -> None:
    found = returning.rejoin(
        actor=_ACTOR,
        url=options["primary"],
        secret=_secret(options | {"file": options["file"] or "-"}),
        ca_certificates=_authorities(options),
        is_dry=options["dry_run"],
    )
    if options["list"] is not None:
        write_list(options["list"], found.listed())
    command.stdout.write(
        f"Both have the same up to serial {found.serial}. After that this site made {len(found.changes)} changes that the new "
        "primary has not."
    )
    for row in found.kept[:_SHOWN]:
        command.stdout.write(
            f"{row.get_kind_display()}: {row.index_name}/{row.project}/{row.filename} {row.sha256}".strip("/ ")
        )
    if len(found.kept) > _SHOWN:
        command.stdout.write(
            f"and {len(found.kept) - _SHOWN} more, which --list and 'replication quarantine list' name."
        )
    if found.is_done:
        command.stdout.write(
            "This installation follows the new primary; what only it had is kept ('replication quarantine')."
        )


def _follow_primary(command: BaseCommand, options: dict[str, Any]) -> None:
    secret = _secret(options) if options["file"] else ""
    url = options["primary"]
    returning.follow_primary(actor=_ACTOR, url=url, secret=secret, ca_certificates=_authorities(options))
    command.stdout.write(f"This installation follows {url}.")


def _quarantine(command: BaseCommand, options: dict[str, Any]) -> None:
    names = options["names"]
    if options["what"] == "list":
        write_list(Path("-"), (leftovers.told(row) for row in Leftover.objects.all()))
        return
    if len(names) < 1:
        raise CommandError("Name the folder to export to, or the ids to discard, or 'all'.")
    if options["what"] == "export":
        try:
            command.stdout.write(f"{leftovers.export(Path(names[0]))} files were written.")
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be written: {error.strerror}.") from None
        return
    if names != ["all"] and not all(name.isdecimal() for name in names):
        raise CommandError("The ids are numbers; 'replication quarantine list' tells them.")
    keys = None if names == ["all"] else [int(name) for name in names]
    command.stdout.write(f"{leftovers.discard(actor=_ACTOR, keys=keys)} were given up.")


def _confirm(command: BaseCommand, options: dict[str, Any]) -> None:
    fences.confirm(actor=_ACTOR, lifts_fence=options["lift_fence"])
    read_only.wait_until_known()
    command.stdout.write("This installation is the primary.")


def told() -> dict[str, Any]:
    """For 'status --json'."""
    row = fences.present()
    fence = None if row is None else {"state": row.state, "primary": row.primary_url, "epoch": str(row.epoch or "")}
    return {"fence": fence, "took_over": promoting.told(Takeover.objects.first())}


def sentences() -> list[str]:
    """For 'status'."""
    found = [sentence for sentence in fences.ask() if sentence]
    took_over = Takeover.objects.first()
    if took_over is not None:
        knows = (
            "knows" if took_over.acknowledged_at else f"does not know yet: {took_over.failure or 'it is being told'}"
        )
        found.append(f"Took over from {took_over.old_url} on {took_over.began_at:%Y-%m-%d %H:%M}; that one {knows}.")
    return found
