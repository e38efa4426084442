"""How a site does: what a check or a reader found of it changes its state, is told, and reaches every process."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.domain.actors import internal
from accounts.services import alarms, audit, generations
from indexapp.domain import balancing
from indexapp.models import FileProof, MirrorSite

WRONG_BYTES: Final = "mirror-site-wrong-bytes"
AWAY: Final = "mirror-site-away"
STALE: Final = "mirror-site-stale"
PASSES: Final = 3
"""Checks in a row that a new site passes before it gets anybody."""
_EVERY: Final = 60.0
_LONGEST: Final = 3600.0
_ACTOR = internal("mirror-sites")
_State = MirrorSite.State
_OUT = (_State.WRONG, _State.OUT)
IN_USE: Final = (_State.HEALTHY, _State.SLOW)


def wrong(site: MirrorSite, what: str) -> bool:
    """It served bytes that are not those of their digest: nobody is given it until a person puts it back."""
    sentence = f"The mirror site '{site.name}' served wrong bytes and was taken out: {what}."[:500]
    with transaction.atomic():
        changed = _move(site.pk, _State.WRONG, sentence, passes=0)
        if changed:
            FileProof.objects.filter(site_id=site.pk).delete()
            audit.record(actor=_ACTOR, action="mirror-site.wrong", subject=site, sentence=sentence)
    if changed:
        alarms.ring(WRONG_BYTES, sentence, subject=site.name)
    return changed


def trouble(site: MirrorSite, what: str) -> None:
    """It did not answer as it should: it is left out, and asked again later each time."""
    _leave_out(site, _State.UNREACHABLE, AWAY, f"The mirror site '{site.name}' is away: {what}"[:500])


def stale(site: MirrorSite, what: str) -> None:
    """It has not what it should have by now: it is left out until it has."""
    _leave_out(site, _State.STALE, STALE, f"The mirror site '{site.name}' is behind: {what}"[:500])


def passed(site: MirrorSite, *, is_slow: bool, milliseconds: int | None) -> None:
    """A check found everything right; what was away comes back, and one on probation once it has passed often enough."""
    now = timezone.now()
    fresh = MirrorSite.objects.filter(pk=site.pk).exclude(state__in=_OUT).first()
    if fresh is None:
        return
    passes = fresh.passes + 1
    is_in = fresh.state != _State.PROBATION or passes >= PASSES
    state = (_State.SLOW if is_slow else _State.HEALTHY) if is_in else _State.PROBATION
    share = _next_share(fresh) if fresh.state in IN_USE else balancing.BEGIN
    with transaction.atomic():
        if state != fresh.state and _move(site.pk, state, "", share=share) and fresh.state not in IN_USE:
            audit.record(actor=_ACTOR, action="mirror-site.back", subject=site)
        if share != fresh.share:
            generations.bump_sites()
        MirrorSite.objects.filter(pk=site.pk).exclude(state__in=_OUT).update(
            failures=0,
            passes=passes,
            share=share,
            reason="",
            checked_at=now,
            next_check_at=now + timedelta(seconds=_EVERY),
            milliseconds=milliseconds,
            given_bytes=F("given_bytes") - fresh.given_bytes,
            given_since=now,
        )
    for code in (AWAY, STALE):
        alarms.settle(code, subject=site.name)


def unproved(site: MirrorSite) -> None:
    """There was nothing by which it could be checked: it stays as it is."""
    now = timezone.now()
    MirrorSite.objects.filter(pk=site.pk).update(checked_at=now, next_check_at=now + timedelta(seconds=_EVERY))


def _leave_out(site: MirrorSite, state: MirrorSite.State, alarm: str, sentence: str) -> None:
    now = timezone.now()
    with transaction.atomic():
        fresh = MirrorSite.objects.select_for_update().filter(pk=site.pk).exclude(state__in=_OUT).first()
        if fresh is None:
            return
        pause = min(_LONGEST, _EVERY / 2 * 2 ** min(fresh.failures, 10))
        MirrorSite.objects.filter(pk=site.pk).update(
            failures=fresh.failures + 1,
            passes=0,
            reason=sentence,
            checked_at=now,
            next_check_at=now + timedelta(seconds=pause),
            share=balancing.BEGIN,
        )
        stays = fresh.state in {state, _State.PROBATION}
        if not stays and _move(site.pk, state, sentence):
            audit.record(actor=_ACTOR, action=f"mirror-site.{state}", subject=site, sentence=sentence)
    if fresh.state != state:
        alarms.ring(alarm, sentence, subject=site.name)


def _move(pk: int, state: MirrorSite.State, reason: str, **more: float) -> bool:
    """Change the state, unless it is that already or a person has to look first."""
    stays = (state,) if state == _State.WRONG else (state, *_OUT)
    changed = (
        MirrorSite.objects.filter(pk=pk)
        .exclude(state__in=stays)
        .update(state=state, state_at=timezone.now(), reason=reason, **more)
    )
    if changed:
        generations.bump_sites()
    return bool(changed)


def _next_share(site: MirrorSite) -> float:
    """By what was asked of it since the last check; one that told no capacity is never full."""
    seconds = (timezone.now() - site.given_since).total_seconds()
    load = site.given_bytes / (site.capacity * seconds) if site.capacity and seconds > 0 else 0.0
    return balancing.next_share(site.share, load)
