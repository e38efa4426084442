"""``manage.py policy``: what the rules say of a project, and what a rule would do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.domain.policy import written
from indexapp.models import Index, PolicyRule
from indexapp.services.policies import checking, dry_runs, rules
from tpi_site.kit.errors import Invalid, NotFound, Refusal

_FIELDS = {"name", "index", "effect", "conditions", "on_missing", "reason", "contact", "is_enabled"}
_TEXTS = ("name", "on_missing", "reason", "contact")
_LARGEST = 1024 * 1024


class Command(BaseCommand):
    """``check`` leaves with 1 where something asked for is kept back."""

    help = "Tell what the policy says of a project's files (check), or what a rule would change (dry-run)."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        check = actions.add_parser("check", help="what becomes of each file of a project")
        check.add_argument("index")
        check.add_argument("project")
        check.add_argument("release", nargs="?", default="", metavar="version")
        dry_run = actions.add_parser("dry-run", help="what a rule, as the REST API takes it, would change")
        dry_run.add_argument("rule", type=Path, help="a file with the rule as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["action"] == "check":
                self._check(options["index"], options["project"], options["release"])
            else:
                self._dry_run(options["rule"])
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None

    def _check(self, index: str, project: str, version: str) -> None:
        found = checking.check(index, project, version)
        for one in found:
            because = f" by the rule '{one.rule.name}'" if one.rule else ""
            self.stdout.write(f"{one.effect} {one.filename}{because}")
        if any(one.rule is not None and one.rule.refuses for one in found):
            sys.exit(1)

    def _dry_run(self, path: Path) -> None:
        row = _rule(path)
        rules.require_sound(actor=internal("manage.py"), rule=row)
        read = written.read(row.conditions)
        matches = row.on_missing == PolicyRule.OnMissing.MATCH
        self.stdout.write(written.summary(rules.effect_of(row), read, matches_missing=matches))
        if warning := rules.warning_of(row):
            self.stdout.write(f"Warning: {warning}")
        report = dry_runs.dry_run(row, None)
        for one in report.projects:
            team = f" ({one.team})" if one.team else ""
            versions = ", ".join(one.versions[:10]) + (" and more" if len(one.versions) > 10 else "")  # noqa: PLR2004  a line
            self.stdout.write(
                f"{one.index}/{one.project}{team}: {one.files} files, {one.downloads} downloads lately: {versions}"
            )
        cut = f" Only the first {dry_runs.MOST_PROJECTS} projects were looked at." if report.is_cut else ""
        self.stdout.write(
            f"{report.files} files of {len(report.projects)} projects; {report.looked_at} were looked at.{cut}"
        )


def _rule(path: Path) -> PolicyRule:
    """The rule that the file holds, which is not saved."""
    try:
        given = json.loads(path.read_bytes()[:_LARGEST])
    except OSError as error:
        raise NotFound(f"The file {path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise Invalid(f"The file {path} is not JSON.") from None
    is_rule = isinstance(given, dict) and not set(given) - _FIELDS and given.get("effect") in PolicyRule.Effect.values
    if not is_rule or not all(isinstance(given.get(name, ""), str) for name in _TEXTS):
        known = ", ".join(sorted(_FIELDS))
        raise Invalid(f"The file {path} holds no rule; give an object with some of {known}, and an effect.")
    index = None
    if name := given.pop("index", None):
        index = Index.objects.filter(name=name).first()
        if index is None:
            raise NotFound(f"There is no index named '{name}'.")
    given.setdefault("on_missing", rules.on_missing_of(given["effect"]))
    return PolicyRule(index=index, **{"name": "new", **given})
