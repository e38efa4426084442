"""What every change of the policy ends with."""

from __future__ import annotations

from typing import Any

from accounts.domain.actors import Actor
from accounts.services import generations
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Index
from indexapp.services import changes


def conclude(actor: Actor, index: Index | None, **detail: Any) -> None:
    """Make pages and files be looked at anew, and tell the change log: of the index, or of each where that is None.

    Whoever reads the index reads that log, so ``detail`` names no project; the audit log does.
    """
    generations.bump_policy()
    for place in [index] if index is not None else Index.objects.order_by("pk"):
        changes.record(actor=actor, kind=ChangeKind.POLICY_CHANGED, index=place, **detail)
