"""Services about the policy."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from indexapp.services.policies import exceptions, holds, rules
from tests.mutations.world import INDEX_ADMINS, SECURES, Mutation

_GUARDS = f"{INDEX_ADMINS} {SECURES}"
_KINDS = ("policy-changed",)

POLICIES: dict[str, Mutation] = {
    "indexapp.services.policies.rules.create": Mutation(
        lambda world, actor: rules.create(actor=actor, index=world.index, name="new", effect="block"),
        "policy-rule.create",
        _GUARDS,
        _KINDS,
    ),
    "indexapp.services.policies.rules.change": Mutation(
        lambda world, actor: rules.change(actor=actor, rule=world.policy_rule, is_enabled=False),
        "policy-rule.change",
        _GUARDS,
        _KINDS,
    ),
    "indexapp.services.policies.rules.move": Mutation(
        lambda world, actor: rules.move(actor=actor, rule=world.policy_rule, position=1),
        "policy-rule.move",
        _GUARDS,
        _KINDS,
    ),
    "indexapp.services.policies.rules.remove": Mutation(
        lambda world, actor: rules.remove(actor=actor, rule=world.policy_rule),
        "policy-rule.remove",
        _GUARDS,
        _KINDS,
    ),
    "indexapp.services.policies.exceptions.grant": Mutation(
        lambda world, actor: exceptions.grant(
            actor=actor,
            index=world.index,
            project="acme-tool",
            reason="needed",
            rule=world.policy_rule,
            expires_at=timezone.now() + timedelta(hours=1),
        ),
        "policy-exception.grant",
        _GUARDS,
        _KINDS,
    ),
    "indexapp.services.policies.exceptions.revoke": Mutation(
        lambda world, actor: exceptions.revoke(actor=actor, exception=world.policy_exception),
        "policy-exception.revoke",
        _GUARDS,
        _KINDS,
    ),
    "indexapp.services.policies.holds.decide": Mutation(
        lambda world, actor: holds.decide(actor=actor, hold=world.policy_hold, approve=True),
        "policy-hold.approve",
        _GUARDS,
        _KINDS,
    ),
}
