"""How a mirror copies its upstream by itself: the settings, and whether it does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.services import audit
from indexapp import permissions
from indexapp.domain.locks.targets import PLATFORMS, targets_of
from indexapp.models import Index, MirrorPlan, PlannedName
from tpi_site.kit.errors import Invalid, InvalidFields

EDITABLE = (
    *("is_on", "include", "exclude", "newest", "with_wheels", "with_sdists", "with_prereleases"),
    *("platforms", "pythons", "max_file_size", "byte_budget", "every_minutes"),
)
_WIDENS = frozenset(EDITABLE) - {"is_on", "every_minutes"}
"""Settings after whose change everything is looked at again: they may let through what they did not."""
_PATTERN = re.compile(r"[a-z0-9*?\[\]!-]{1,100}\Z")
_MOST_PATTERNS = 10_000
_MOST_BYTES = 2**62
_MOST_NEWEST = 10_000
_SHORTEST, _LONGEST = 5, 7 * 24 * 60  # minutes


def of(index: Index) -> MirrorPlan:
    """The mirror's plan, switched off where nobody has made one; refuses what is no mirror."""
    if index.kind != Index.Kind.MIRROR:
        raise Invalid(f"The index '{index.name}' is no mirror; only mirrors copy an upstream.", code="index-not-mirror")
    return MirrorPlan.objects.filter(pk=index.pk).first() or MirrorPlan(index=index)


def change(*, actor: Actor, index: Index, **values: Any) -> MirrorPlan:
    """Set some of :data:`EDITABLE`; for who administers the mirror.

    A filter that was changed makes the next round look at every name again.
    """
    permissions.require(actor, Verb.ADMINISTER, index)
    if unknown := set(values) - set(EDITABLE):
        raise Invalid(f"These fields of a plan cannot be set: {', '.join(sorted(unknown))}.", code="field-fixed")
    with transaction.atomic():
        plan = of(index)
        plan = MirrorPlan.objects.select_for_update().filter(pk=plan.pk).first() or plan
        _require_sound(plan, values)
        before = {name: getattr(plan, name) for name in values}
        changed = {name: value for name, value in values.items() if value != before[name]}
        for name, value in changed.items():
            setattr(plan, name, value)
        if changed.keys() & _WIDENS:
            plan.cursor, plan.listed_at = 0, None
        if plan.state in {MirrorPlan.State.FULL, MirrorPlan.State.FAILED}:
            plan.state, plan.message = MirrorPlan.State.IDLE, ""
        plan.save()
        if changed.get("is_on") is False:
            PlannedName.objects.filter(plan=plan).delete()
            MirrorPlan.objects.filter(pk=plan.pk).update(cursor=0, listed_at=None)
        audit.record(actor=actor, action="mirror-plan.change", subject=index, before=before, after=values)
    plan.refresh_from_db()
    return plan


def _require_sound(plan: MirrorPlan, values: Mapping[str, Any]) -> None:
    problems: dict[str, str] = {}
    for name in ("include", "exclude"):
        if name in values and not _are_patterns(values[name]):
            problems[name] = "Give a list of patterns of normalised names, such as 'acme-*'."
    for name, most in (("newest", _MOST_NEWEST), ("max_file_size", _MOST_BYTES), ("byte_budget", _MOST_BYTES)):
        value = values.get(name)
        if value is not None and not 0 < value <= most:
            problems[name] = f"Give a number from 1 to {most}, or nothing."
    if not _SHORTEST <= values.get("every_minutes", _SHORTEST) <= _LONGEST:
        problems["every_minutes"] = f"Give a number of minutes from {_SHORTEST} to {_LONGEST}."
    pythons, platforms = (values.get(name, getattr(plan, name)) for name in ("pythons", "platforms"))
    try:
        targets_of(pythons or ["3.12"], platforms or list(PLATFORMS))
    except Invalid as error:
        problems["platforms" if "platforms" in values else "pythons"] = error.detail
    if problems:
        raise InvalidFields(problems, code="mirror-plan-invalid")


def _are_patterns(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= _MOST_PATTERNS
        and all(isinstance(pattern, str) and _PATTERN.match(pattern) for pattern in value)
    )
