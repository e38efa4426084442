"""Rules of the policy, exceptions from them, and what they hold back."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from indexapp.models import Index, PolicyException, PolicyHold, PolicyRule
from indexapp.services.policies import exceptions, rules
from tests.factories.people import SYSTEM

_numbers = count(1)


def make_rule(index: Index | None = None, effect: str = "block", *, name: str = "", **conditions: Any) -> PolicyRule:
    """A rule of an index, or of all, made by the service; what else is named are its conditions."""
    values = {
        key: conditions.pop(key) for key in ("reason", "contact", "on_missing", "is_enabled") if key in conditions
    }
    name = name or f"rule-{next(_numbers)}"
    return rules.create(actor=SYSTEM, index=index, name=name, effect=effect, conditions=conditions, **values)


def make_exception(project: str, versions: str = "", **values: Any) -> PolicyException:
    """An exception of an hour, from every rule unless one is named."""
    values.setdefault("expires_at", timezone.now() + timedelta(hours=1))
    values.setdefault("index", None)
    return exceptions.grant(actor=SYSTEM, project=project, versions=versions, reason="needed", **values)


def make_policy(index: Index, project: str = "unrelated") -> tuple[PolicyRule, PolicyException, PolicyHold]:
    """A rule of the index that concerns nothing else, with an exception from it and something that it holds back."""
    rule = make_rule(index, "hold", name=f"hold of {index.name}", projects=[project])
    exception = make_exception(project, rule=rule)
    return rule, exception, PolicyHold.objects.create(index=index, rule=rule, project=project, version="1.0")
