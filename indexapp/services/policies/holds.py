"""What waits for a review: noted when somebody is refused for it, and decided by who guards the rule.

The request that is refused waits for nothing: the hold is put down by the process's writer a little later, once however often
it is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.domain.actors import Actor, internal
from accounts.services import audit, nodes
from indexapp.domain.reasons import clean_reason
from indexapp.models import File, Index, PolicyHold, PolicyRule
from indexapp.services.policies import rights
from indexapp.services.policies.gate import Ruling
from indexapp.services.policies.recording import conclude
from indexapp.services.serving.index_map import ServedIndex
from tpi_site.kit import read_only
from tpi_site.kit.errors import Conflict, Invalid

log = logging.getLogger(__name__)
_MOST = 10_000  # that wait in memory
_Hold = tuple[int, str, str, int, str]
_queue: dict[_Hold, str] = {}
_written: set[_Hold] = set()
_lock = Lock()
_listeners: list[Callable[[], None]] = []
State = PolicyHold.State


def on_note(listener: Callable[[], None]) -> None:
    """Have ``listener`` called when there is something to write; it must not wait."""
    _listeners.append(listener)


def obey(found: Ruling, actor: Actor, member: ServedIndex, project: str, path: str) -> None:
    """Refuse what the policy refuses, and note what it holds back or wants noted."""
    if found.rule is not None and found.is_held:
        filename = path.rpartition("/")[2].removesuffix(".metadata")
        _note((member.pk, project, found.version, found.rule.pk, filename), actor)
    found.require()
    if found.rule is not None and found.is_warned:
        log.warning("The policy rule '%s' notes that %s was had: %s", found.rule.name, path, found.rule.reason)


def _note(hold: _Hold, actor: Actor) -> None:
    with _lock:
        if hold in _written or hold in _queue or len(_queue) >= _MOST:
            return
        _queue[hold] = actor.display_name
    for listener in _listeners:
        listener()


def write() -> int:
    """Put down what was held back since the last time; returns how many are new."""
    if read_only.why() is not None:
        return 0
    with _lock:
        waiting = dict(_queue)
        _queue.clear()
    new = sum(_write(hold, who) for hold, who in waiting.items())
    with _lock:
        if len(_written) > _MOST:
            _written.clear()
        _written.update(waiting)
    return new


def _write(hold: _Hold, who: str) -> bool:
    index_id, project, version, rule_id, filename = hold
    with transaction.atomic():
        if not (Index.objects.filter(pk=index_id).exists() and PolicyRule.objects.filter(pk=rule_id).exists()):
            return False
        row, is_new = PolicyHold.objects.get_or_create(
            index_id=index_id, project=project, version=version, rule_id=rule_id, defaults={"asked_by": who}
        )
        if not is_new and _is_late(row, filename):
            is_new = bool(PolicyHold.objects.filter(pk=row.pk, state=State.APPROVED).update(state=State.PENDING))
        if is_new:
            audit.record(
                actor=internal("policy"), action="policy-hold.open", subject=row, rule=row.rule.name, asked=who
            )
    return is_new


def _is_late(row: PolicyHold, filename: str) -> bool:
    """Whether the file came after the release was approved, so that nobody has looked at it."""
    if row.state != State.APPROVED or row.looked_at_upto is None:
        return False
    rows = File.objects.filter(index=row.index_id, project__normalized_name=row.project, filename=filename)
    return rows.filter(pk__gt=row.looked_at_upto).exists()


def may_decide(actor: Actor, hold: PolicyHold) -> bool:
    """Whether the actor guards the rule that holds it back."""
    return rights.may_decide(actor, hold.rule.index)


def decide(*, actor: Actor, hold: PolicyHold, approve: bool, reason: str = "") -> PolicyHold:
    """Let the release's files through as far as its rule is concerned, or keep it back for good; both can be decided anew.

    Files that come later are held anew.
    """
    rights.require_decides(actor, hold.rule.index, "decide what rules of all indexes hold back")
    state = State.APPROVED if approve else State.REJECTED
    reason = clean_reason(reason)[:500]
    if not approve and not reason:
        raise Invalid("Say why it is rejected; who is refused reads it.", code="reason-needed")
    if approve:  # to nodes of the earlier code it would be of whatever comes
        nodes.require_all_know("indexapp", "0019_hold_cursor")
    with transaction.atomic():
        values = {
            "state": state,
            "decided_at": timezone.now(),
            "decided_by": actor.display_name,
            "reason": reason,
            "filename": "",
            "approved_upto": (File.objects.aggregate(last=Max("pk"))["last"] or 0) if approve else None,
        }
        if not PolicyHold.objects.filter(pk=hold.pk).exclude(state=state).update(**values):
            if PolicyHold.objects.filter(pk=hold.pk).exists():
                raise Conflict(f"It is {state} already; reload the page.", code="hold-decided")
            raise Conflict("Its rule was removed in the meantime, so that nothing holds it back.", code="hold-gone")
        before = hold.state
        hold.refresh_from_db()
        action = "policy-hold.approve" if approve else "policy-hold.reject"
        audit.record(
            actor=actor,
            action=action,
            subject=hold,
            index=hold.index.name,
            rule=hold.rule.name,
            before=before,
            reason=hold.reason,
        )
        conclude(actor, hold.index, deed=str(state))
    return hold


def forget_all() -> None:
    """Drop what waits."""
    with _lock:
        _queue.clear()
        _written.clear()
