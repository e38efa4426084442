"""``manage.py test_upstream``: whether a mirror's upstream can be used, in a sentence."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.clients.failures import Failure
from indexapp.models import Index
from indexapp.services.mirrors import addresses, settings
from tpi_site.kit.errors import Refusal

_SILENT = frozenset({Failure.UNREACHABLE.value, Failure.TOO_SLOW.value})


class Command(BaseCommand):
    """Asks for the list of projects; ends with status 1 when the upstream cannot be used."""

    help = "Ask a mirror's upstream for its list of projects and say what came of it; nothing is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("index", help="the mirror's name")

    def handle(self, *args: Any, **options: Any) -> None:
        mirrors = Index.objects.filter(kind=Index.Kind.MIRROR).select_related("upstream")
        index = mirrors.filter(name=options["index"]).first()
        if index is None:
            known = ", ".join(mirrors.values_list("name", flat=True)) or "there is none"
            raise CommandError(f"There is no mirror '{options['index']}' ({known}).")
        try:
            trial = settings.try_out(actor=internal("test_upstream"), index=index)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        if trial.code in _SILENT:
            raise CommandError(trial.sentence)
        secured = f"over {trial.tls}" if trial.tls else "without encryption"
        self.stdout.write(f"{addresses.in_words(index.upstream)} answered in {trial.seconds:.2f} s, {secured}.")
        if not trial.is_usable:
            raise CommandError(trial.sentence)
        self.stdout.write(trial.sentence)
