"""``manage.py mirror``: copy a mirror's upstream as its plan says, or hold what is here against it."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.models import Index, MirrorPlan
from indexapp.services.mirrors import copying, pinning, plans, verifying
from tpi_site.kit.errors import Refusal

_SLICE = 10.0  # seconds
_LOOK_AGAIN = 5.0


class Command(BaseCommand):
    """Does in the foreground what the job cluster does by the clock; both may run."""

    help = "Copy the upstream of a mirror that has a plan; without --once until it is stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("index", help="a mirror")
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--once", action="store_true", help="end when nothing is left to be copied")
        way.add_argument(
            "--verify", action="store_true", help="read all that is here, ask the upstream, and say what differs"
        )

        way.add_argument("--unpin", action="store_true", help="let pinned files go by their last use, as the others")

    def handle(self, *args: Any, **options: Any) -> None:
        index = Index.objects.select_related("upstream").filter(name=options["index"]).first()
        if index is None:
            raise CommandError(f"There is no index named '{options['index']}'.")
        try:
            plan = plans.of(index)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        if options["unpin"]:
            count = pinning.unpin_all(actor=internal("manage.py"), index=index)
            self.stdout.write(f"{count} files are pinned no more.")
        elif options["verify"]:
            self._verify(index)
        elif not plan.is_on:
            raise CommandError(f"The plan of '{index.name}' is switched off; switch it on by REST or in the console.")
        else:
            self._copy(plan, is_once=options["once"])

    def _copy(self, plan: MirrorPlan, *, is_once: bool) -> None:
        while True:
            state = copying.run(plan.pk, seconds=_SLICE, hands_on=False)
            plan.refresh_from_db()
            left, held = copying.due_names(plan), copying.held_bytes(plan)
            self.stdout.write(
                f"{plan.get_state_display()}: {left} names left, {held} bytes here. {plan.message}".strip()
            )
            if is_once and state == MirrorPlan.State.IDLE:
                return
            if is_once and state in {MirrorPlan.State.FULL, MirrorPlan.State.FAILED}:
                raise CommandError(plan.message)
            if state != MirrorPlan.State.COPYING:
                self._pause(plan, is_once=is_once)

    def _pause(self, plan: MirrorPlan, *, is_once: bool) -> None:
        if is_once and not plan.is_on:
            raise CommandError("The plan was switched off.")
        if is_once and (plan.index.upstream.is_offline or plan.index.upstream.is_frozen):
            raise CommandError("The mirror is offline or frozen; no upstream is asked.")
        time.sleep(_LOOK_AGAIN)

    def _verify(self, index: Index) -> None:
        count = 0
        for count, found in enumerate(verifying.differences(index), start=1):  # noqa: B007  how many there were
            self.stdout.write(str(found))
        if count:
            raise CommandError(f"{count} differences.")
        self.stdout.write("Nothing differs.")
