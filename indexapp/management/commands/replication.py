"""``manage.py replication``: let sites follow this one, or follow another."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.management import (
    promotion,
    replication_checkpoints,
    replication_seed,
    replication_status,
    replication_verify,
)
from indexapp.management.commands import _replication_bytes
from indexapp.models import Following, Replica
from indexapp.services.replication import credentials, fetching, following, joining, standing
from indexapp.services.replication.following import Round
from tpi_site.kit import locking
from tpi_site.kit.errors import Refusal

_ACTOR = internal("replication")
_PAUSE = 1.0


class Command(BaseCommand):
    """What operators do with replicas where there is no console, and what scripts ask."""

    help = (
        "Invite a replica, become one (join), pause, resume, leave, follow in the foreground, and tell how it stands."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        invite = deeds.add_parser("invite", help="on the primary: print the secret of a new replica, once")
        invite.add_argument("name")
        invite.add_argument("--may-take-over", action="store_true", help="it may be promoted; needs --url")
        invite.add_argument("--url", default="", help="its address, where it is asked and where clients find it then")
        invite.add_argument("--ca", type=Path, help="a file with the authorities (PEM) of its certificate")
        revoke = deeds.add_parser("revoke", help="on the primary: a replica may follow no more")
        revoke.add_argument("name")
        join = deeds.add_parser("join", help="on an empty installation: become a replica")
        join.add_argument("primary", help="the address of the primary")
        join.add_argument(
            "file", nargs="?", default="-", metavar="secret", help="a file with the secret; standard input without it"
        )
        join.add_argument("--ca", type=Path, help="a file with the authorities (PEM) of the primary's certificate")
        deeds.add_parser("pause", help="take nothing from the primary for now")
        deeds.add_parser("resume", help="go on")
        leave = deeds.add_parser("leave", help="follow nobody any more, and take changes")
        leave.add_argument("--accept-missing", action="store_true", help="give up bytes that are not here")
        follow = deeds.add_parser("follow", help="follow in the foreground, as the job cluster does")
        follow.add_argument("--once", action="store_true", help="end when nothing is left to be taken or fetched")
        _replication_bytes.add_hold(deeds.add_parser("hold", help="say of which files this replica holds the bytes"))
        _replication_bytes.add_limit(deeds.add_parser("limit", help="say how fast and when this replica fetches bytes"))
        replication_status.add_to(deeds)
        replication_checkpoints.add_to(deeds)
        promotion.add_to(deeds)
        replication_seed.add_arguments(deeds)

        replication_verify.add_arguments(deeds)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if (run := options.get("run")) is not None:
                run(self, options)
            else:
                getattr(self, f"_{options['deed'].replace('-', '_')}")(options)
        except Refusal as refusal:
            raise CommandError(f"{refusal.detail} ({refusal.code})") from None

    def _invite(self, options: dict[str, Any]) -> None:
        if options["may_take_over"] and not options["url"]:
            raise CommandError("A replica that may take over is invited with --url, the address of its site.")
        row, secret = credentials.invite(actor=_ACTOR, name=options["name"])
        if options["may_take_over"]:
            try:
                promotion.appoint(row, options)
            except (Refusal, CommandError):
                credentials.revoke(actor=_ACTOR, replica=row)
                raise
        self.stdout.write(secret)
        self.stderr.write("This is shown once; give it to 'manage.py replication join' on the other site.")

    def _revoke(self, options: dict[str, Any]) -> None:
        row = Replica.objects.filter(name=options["name"]).first()
        if row is None:
            raise CommandError(f"There is no replica named '{options['name']}'.")
        credentials.revoke(actor=_ACTOR, replica=row)
        self.stdout.write(f"The replica '{row.name}' follows no more: its secret opens nothing.")

    def _join(self, options: dict[str, Any]) -> None:
        try:
            text = sys.stdin.read() if options["file"] == "-" else Path(options["file"]).read_text()
            authorities = options["ca"].read_text() if options["ca"] else ""
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from None
        joining.join(actor=_ACTOR, url=options["primary"], secret=text.strip(), ca_certificates=authorities)
        self.stdout.write("This installation is a replica; its server follows, and 'replication status' tells how far.")

    def _pause(self, _options: dict[str, Any]) -> None:
        joining.pause(actor=_ACTOR)
        self.stdout.write(
            "Paused: nothing is taken from the primary until 'replication resume'; what is here is served."
        )

    def _resume(self, _options: dict[str, Any]) -> None:
        joining.resume(actor=_ACTOR)
        self.stdout.write("This site follows its primary again; 'replication status' tells how far it is.")

    def _leave(self, options: dict[str, Any]) -> None:
        epoch = joining.leave(actor=_ACTOR, accepts_missing=options["accept_missing"])
        self.stdout.write(f"This installation follows nobody any more, and has begun {epoch}.")

    def _hold(self, options: dict[str, Any]) -> None:
        for line in _replication_bytes.hold(options):
            self.stdout.write(line)

    def _limit(self, options: dict[str, Any]) -> None:
        for line in _replication_bytes.limit(options):
            self.stdout.write(line)

    def _verify(self, options: dict[str, Any]) -> None:
        replication_verify.verify(self, options)

    def _check_result(self, options: dict[str, Any]) -> None:
        replication_verify.check_result(self, options)

    def _follow(self, options: dict[str, Any]) -> None:
        if not Following.objects.exists() or not locking.is_free(following.LOCK):
            raise CommandError("This installation is no replica, or another process of it follows.")
        with locking.alone(following.LOCK):
            while True:
                came = following.follow_once(0.0 if options["once"] else _PAUSE)
                fetched = fetching.fetch_due()
                if options["once"] and came is not Round.TAKEN and not fetched:
                    break
                if came in {Round.FAILED, Round.IDLE}:
                    time.sleep(_PAUSE)
        self._tell_end(came)

    def _tell_end(self, came: Round) -> None:
        found = standing.standing()
        if found is not None and (came is Round.FAILED or found.missing_blobs):
            raise CommandError(replication_status.sentence(found))
