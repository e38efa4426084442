"""Setting the rules."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.services import audit, nodes
from indexapp.domain.policy import effects, written
from indexapp.domain.reasons import clean_reason
from indexapp.models import Index, PolicyRule
from indexapp.services.policies import rights
from indexapp.services.policies.recording import conclude
from indexapp.services.serving import index_map, watermarks
from tpi_site.kit import locking
from tpi_site.kit.errors import Conflict, Invalid, NotFound

EDITABLE = frozenset({"name", "effect", "conditions", "on_missing", "reason", "contact", "is_enabled"})
_HOLDS_ANEW = frozenset({"effect", "conditions", "on_missing", "is_enabled"})
"""What makes it another rule, that holds since then."""
_MOST_REASON = 500
_MOST_TOLD = 30  # names in a refusal
Effect, OnMissing = PolicyRule.Effect, PolicyRule.OnMissing


def create(
    *, actor: Actor, index: Index | None, name: str, effect: str, conditions: object = None, **values: Any
) -> PolicyRule:
    """Add a rule to those of ``index``, or to those of all indexes where that is None, as the last one.

    Without ``on_missing`` a rule that refuses matches where data are missing, and one that does not skips such files: the
    policy fails closed.
    """
    rule = PolicyRule(index=index, name=name, effect=effect, conditions=conditions or {}, created_by=actor.display_name)
    rule.on_missing = values.pop("on_missing", None) or on_missing_of(effect)
    _set(rule, values)
    _require_may_set(actor, index, effect)
    nodes.require_all_know("indexapp", "0014_policies")
    require_sound(actor=actor, rule=rule)
    with transaction.atomic():
        _alone()
        _require_name_free(rule)
        last = PolicyRule.objects.filter(index=index).aggregate(last=Max("position"))["last"]
        rule.position = (last or 0) + 1
        rule.save()
        audit.record(actor=actor, action="policy-rule.create", subject=rule, **_told(rule))
        conclude(actor, index, rule=rule.name, deed="create")
    return rule


def require_sound(*, actor: Actor, rule: PolicyRule) -> None:
    """Refuse a rule that could not be saved for what it says, as :func:`create` would; for who only tries it."""
    _check(rule)
    _check_sources(actor, rule)


def on_missing_of(effect: str) -> str:
    """What holds where data are missing, unless the rule says it."""
    return OnMissing.SKIP if effect in (Effect.ALLOW, Effect.WARN) else OnMissing.MATCH


def warning_of(rule: PolicyRule) -> str:
    """What to tell who saves the rule, though it is sound; empty for most."""
    try:
        read = written.read(rule.conditions)
    except Invalid:
        return ""
    found = written.warning(effect_of(rule), read, matches_missing=rule.on_missing == OnMissing.MATCH)
    return found if found and _is_of_mirrors(rule, read.sources) else ""


def _sources_of(rule: PolicyRule) -> frozenset[str]:
    """None where what is stored cannot be read, as after another release."""
    try:
        return written.read(rule.conditions).sources
    except Invalid:
        return frozenset()


def _is_of_mirrors(rule: PolicyRule, sources: frozenset[str]) -> bool:
    """Whether what it asks can hold for files of a mirror."""
    if rule.index is not None and rule.index.kind == Index.Kind.HOSTED:
        return False
    is_any = not sources or "kind:mirror" in sources
    return is_any or Index.objects.filter(name__in=sources, kind=Index.Kind.MIRROR).exists()


def effect_of(rule: PolicyRule) -> effects.Effect:
    """The effect of a row."""
    return effects.Effect(rule.effect)


def change(*, actor: Actor, rule: PolicyRule, **values: Any) -> PolicyRule:
    """Change some of :data:`EDITABLE`; with what it asks or does changed, it holds since now."""
    with transaction.atomic():
        _alone()
        rule = _fresh(rule)
        before, effect = _told(rule), rule.effect
        named = _sources_of(rule)
        _set(rule, values)
        _require_may_set(actor, rule.index, effect, rule.effect)
        if values.keys() & _HOLDS_ANEW:
            _require_may_open(actor, rule)
        _check(rule)
        if "conditions" in values:  # an index may have been renamed since it was named
            _check_sources(actor, rule, named)
        _require_name_free(rule)
        if values.keys() & _HOLDS_ANEW:
            rule.since = timezone.now()
        rule.save()
        after = _told(rule)
        differs = [name for name in after if after[name] != before[name]]
        audit.record(
            actor=actor,
            action="policy-rule.change",
            subject=rule,
            before={name: before[name] for name in differs},
            after={name: after[name] for name in differs},
        )
        conclude(actor, rule.index, rule=rule.name, deed="change")
    return rule


def move(*, actor: Actor, rule: PolicyRule, position: int) -> PolicyRule:
    """Have it asked as the ``position``-th (from 1) of the rules of its index, or of those of all."""
    with transaction.atomic():
        _alone()
        rule = _fresh(rule)
        rows = list(PolicyRule.objects.filter(index=rule.index).order_by("position", "pk"))
        allows = any(row.effect == Effect.ALLOW for row in rows)
        _require_may_set(actor, rule.index, Effect.ALLOW if allows else rule.effect)
        before = next(place for place, row in enumerate(rows, 1) if row.pk == rule.pk)
        others = [row for row in rows if row.pk != rule.pk]
        place = max(1, min(position, len(rows)))
        others.insert(place - 1, rule)
        for number, row in enumerate(others, 1):
            row.position = number
        PolicyRule.objects.bulk_update(others, ["position"])
        audit.record(actor=actor, action="policy-rule.move", subject=rule, before=before, after=place)
        conclude(actor, rule.index, rule=rule.name, deed="move")
    return rule


def remove(*, actor: Actor, rule: PolicyRule) -> None:
    """Take the rule away, with the exceptions from it and what it held back."""
    rights.require_decides(actor, rule.index, "remove rules that hold on all indexes")
    with transaction.atomic():
        _alone()
        rule = _fresh(rule)
        if rule.effect != Effect.ALLOW:  # without that one the index is narrower
            _require_may_open(actor, rule)
        audit.record(actor=actor, action="policy-rule.remove", subject=rule, **_told(rule))
        index, name = rule.index, rule.name
        rule.delete()
        conclude(actor, index, rule=name, deed="remove")


def _alone() -> None:
    """One change of the policy after the other, so that positions stay in order."""
    locking.hold("policy")


def _fresh(rule: PolicyRule) -> PolicyRule:
    found = PolicyRule.objects.select_related("index").filter(pk=rule.pk).first()
    if found is None:
        raise NotFound("The rule was removed in the meantime; reload the page.")
    return found


def _set(rule: PolicyRule, values: dict[str, Any]) -> None:
    if unknown := set(values) - EDITABLE:
        raise Invalid(f"These fields of a rule cannot be set: {', '.join(sorted(unknown))}.", code="field-fixed")
    for name, value in values.items():
        setattr(rule, name, value)


def _require_may_set(actor: Actor, index: Index | None, *effects: str) -> None:
    rights.require_decides(actor, index, "set rules that hold on all indexes")
    if index is not None and Effect.ALLOW in effects:
        rights.require_officer(actor, "set rules of an index that allow, because they go before those of all indexes")


def _require_may_open(actor: Actor, rule: PolicyRule) -> None:
    """Refuse who would have a rule that allows, and was set for what is left by those before it, let more through."""
    if (
        rule.index is not None
        and PolicyRule.objects.filter(index=rule.index, effect=Effect.ALLOW, is_enabled=True)
        .exclude(pk=rule.pk)
        .exists()
    ):
        rights.require_officer(actor, "change or remove rules of an index that has one which allows")


def _check(rule: PolicyRule) -> None:
    """Bring it into the form in which it is kept, or refuse it."""
    rule.name = " ".join(rule.name.split())
    if not rule.name or len(rule.name) > 100 or not rule.name.isprintable():  # noqa: PLR2004  as the column
        raise Invalid("Give the rule a name of 1 to 100 characters; who is refused reads it.", code="rule-name-invalid")
    if rule.effect not in Effect.values:
        raise Invalid(f"'{rule.effect}' is no effect; use one of {', '.join(Effect.values)}.", code="effect-unknown")
    if rule.on_missing not in OnMissing.values:
        raise Invalid("on_missing is match or skip.", code="on-missing-unknown")
    rule.conditions = dict(written.read(rule.conditions).written)
    rule.reason, rule.contact = clean_reason(rule.reason), clean_reason(rule.contact)
    if len(rule.reason) > _MOST_REASON or len(rule.contact) > 200:  # noqa: PLR2004  as the columns
        raise Invalid("A rule's reason has at most 500 characters, its contact 200.", code="reason-too-long")


def _check_sources(actor: Actor, rule: PolicyRule, kept: Container[str] = ()) -> None:
    """Refuse a source that there is not, or that the rule's index does not serve: the rule would hold for nothing.

    One that the actor may not know of is refused like one that is nowhere, unless the rule names it already.
    """
    named = {one for one in written.read(rule.conditions).sources if not one.startswith("kind:")}
    if not named:
        return
    if rule.index is None:
        known = set(Index.objects.exclude(kind=Index.Kind.GROUP).values_list("name", flat=True))
    else:
        served = index_map.load(watermarks.read().access).by_pk.get(rule.index.pk)
        known = {member.name for member in served.members} if served else set()
    told = set(Index.objects.visible_to(actor).values_list("name", flat=True)) & known
    if missing := sorted(one for one in named if one not in told and not (one in known and one in kept)):
        names = ", ".join(sorted(told)[:_MOST_TOLD]) or "none"
        raise Invalid(f"No source is called '{missing[0][:64]}' here; there are: {names}.", code="source-unknown")


def _require_name_free(rule: PolicyRule) -> None:
    if PolicyRule.objects.filter(index=rule.index, name=rule.name).exclude(pk=rule.pk).exists():
        raise Conflict(f"There is a rule named '{rule.name}' here already.", code="rule-exists")


def _told(rule: PolicyRule) -> dict[str, Any]:
    """The rule as the audit log keeps it."""
    return {name: getattr(rule, name) for name in sorted(EDITABLE)} | {"position": rule.position}
