"""``manage.py mirror_sites``: who serves files for this installation, and how they do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.models import Index, MirrorSite
from indexapp.services.sites import checking, settings, standing
from tpi_site.kit.errors import Refusal

_ACTOR = internal("mirror-sites")
_MODES = {
    "off": "clients get all files from here",
    "through": "files are fetched from sites and passed on from here",
    "redirect": "clients are sent to sites",
}


class Command(BaseCommand):
    """What the console does, for scripts."""

    help = "List mirror sites, add one, check them now, take one out, put one back, retire one, set what an index does."

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        shown = deeds.add_parser("list", help="the sites and how they do; leaves with 1 while one gets nobody")
        shown.add_argument("--json", action="store_true", help="one JSON object")
        _add_site(deeds.add_parser("add", help="register a site; it is on probation first"))
        check = deeds.add_parser("check", help="check one now, or all; leaves with 1 where something is wrong")
        check.add_argument("name", nargs="?")
        for deed, words in (("take-out", "give nobody to it"), ("put-back", "try it again"), ("retire", "forget it")):
            deeds.add_parser(deed, help=words).add_argument("name")
        mode = deeds.add_parser("mode", help="what an index does with its sites")
        mode.add_argument("index")
        mode.add_argument("mode", choices=["off", "through", "redirect"])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['deed'].replace('-', '_')}")(options)
        except Refusal as refusal:
            raise CommandError(f"{refusal.detail} ({refusal.code})") from None

    def _list(self, options: dict[str, Any]) -> None:
        rows = list(MirrorSite.objects.order_by("name"))
        if options["json"]:
            told = [{"name": row.name, "state": row.state, "reason": row.reason, **_figures(row)} for row in rows]
            self.stdout.write(json.dumps({"sites": told}, indent=2))
        for row in [] if options["json"] else rows:
            self.stdout.write(f"{row.name}: {row.get_state_display()}. {row.base_url} {row.reason}".strip())
        if any(row.state not in {MirrorSite.State.HEALTHY, MirrorSite.State.SLOW} for row in rows):
            sys.exit(1)

    def _add(self, options: dict[str, Any]) -> None:
        values = {name: options[name] for name in settings.EDITABLE & options.keys() if options[name] is not None}
        for name in ("signing_key", "ca_certificates"):
            if name in values:
                values[name] = _text(values[name])
        made = settings.register(actor=_ACTOR, name=options["name"], **values)
        self.stdout.write(f"{made.name}: {made.get_state_display()}. It gets readers when checks have found it right.")

    def _check(self, options: dict[str, Any]) -> None:
        only = _site(options["name"]) if options["name"] else None
        reports = checking.run(now=True, only=only)
        for name, report in reports.items():
            said = report.wrong or report.away or report.lacking or _right(report.right)
            self.stdout.write(f"{name}: {said}; {report.wishes} more were looked for and found.")
        passed_over = [
            row for row in ([only] if only else MirrorSite.objects.order_by("name")) if row.name not in reports
        ]
        for row in passed_over:
            self.stdout.write(f"{row.name}: {row.get_state_display()}, not checked. {row.reason}".strip())
        is_bad = any(report.wrong or report.away or report.lacking for report in reports.values())
        if is_bad or any(row.state == MirrorSite.State.WRONG for row in passed_over):
            sys.exit(1)

    def _take_out(self, options: dict[str, Any]) -> None:
        settings.take_out(actor=_ACTOR, site=_site(options["name"]))
        self.stdout.write(f"{options['name']}: nobody is given to it until 'mirror_sites put-back {options['name']}'.")

    def _put_back(self, options: dict[str, Any]) -> None:
        settings.put_back(actor=_ACTOR, site=_site(options["name"]))
        self.stdout.write(f"{options['name']}: {_site(options['name']).get_state_display()}; it is checked first.")

    def _retire(self, options: dict[str, Any]) -> None:
        settings.retire(actor=_ACTOR, site=_site(options["name"]))
        self.stdout.write(f"{options['name']}: retired, and forgotten here.")

    def _mode(self, options: dict[str, Any]) -> None:
        index = Index.objects.filter(name=options["index"]).first()
        if index is None:
            raise CommandError(f"There is no index named '{options['index']}'.")
        settings.set_mode(actor=_ACTOR, index=index, mode=options["mode"])
        self.stdout.write(f"{index.name}: {_MODES[options['mode']]}.")


def _add_site(add: CommandParser) -> None:
    add.add_argument("name")
    add.add_argument("base_url", help="where its tree is; {index} stands for the index's name")
    add.add_argument("--index", dest="indexes", action="append", default=[], help="whose files it has; may be repeated")
    add.add_argument("--region", help="words from the large to the small, as eu-de")
    add.add_argument("--network", dest="networks", action="append", help="of clients that are near it; may be repeated")
    add.add_argument("--weight", type=float)
    add.add_argument("--capacity", type=int, help="bytes a second")
    add.add_argument(
        "--redirect", dest="sending", action="store_const", const="redirect", help="clients may be sent to it"
    )
    add.add_argument("--private", dest="takes_private", action="store_true", help="it may have private files")
    add.add_argument("--signing", choices=["none", "nginx", "tpi"])
    add.add_argument("--key", dest="signing_key", metavar="FILE", help="a file with the key of signed addresses")
    add.add_argument("--ca", dest="ca_certificates", metavar="FILE", help="a file with its authorities (PEM)")
    add.add_argument("--lag-hours", type=int, help="how old its tree may be")


def _right(count: int) -> str:
    return f"{count} files are right" if count else standing.NOTHING


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from None


def _site(name: str) -> MirrorSite:
    found = MirrorSite.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"There is no mirror site named '{name}'.")
    return found


def _figures(row: MirrorSite) -> dict[str, Any]:
    return {"share": row.share, "milliseconds": row.milliseconds, "failures": row.failures}
