"""Services by which the instance is operated: alarms, read-only mode, keys, the audit log and its sinks."""

from __future__ import annotations

import io

from django.test import override_settings

from accounts.domain.actors import Actor
from accounts.services import (
    alarms,
    audit_export,
    audit_sinks,
    read_only,
    shared_secrets,
)
from accounts.services.keys import asking, compromise, relocation, rewrapping
from accounts.services.keys import ring as key_rings
from indexapp.services.backups import asking as backup_asking
from tests.mutations.world import (
    ADMINISTRATOR,
    SECURES,
    Mutation,
)
from tpi_site.services.support import bundles


def _asked_backup(actor: Actor) -> None:
    with override_settings(TPI_BACKUP_URL="file:///srv/backups"):
        backup_asking.ask_backup(actor=actor)


OPERATING: dict[str, Mutation] = {
    "accounts.services.alarms.end": Mutation(
        lambda world, actor: alarms.end(actor=actor, alarm=world.alarm),
        "alarm.end",
        f"operator {SECURES}",
    ),
    "accounts.services.read_only.turn_on": Mutation(
        lambda world, actor: read_only.turn_on(actor=actor, reason="the move"),
        "read-only.on",
        f"operator {ADMINISTRATOR}",
    ),
    "accounts.services.read_only.turn_off": Mutation(
        lambda world, actor: read_only.turn_off(actor=actor, period=world.period),
        "read-only.off",
        f"operator {ADMINISTRATOR}",
    ),
    "accounts.services.shared_secrets.accept": Mutation(
        lambda world, actor: shared_secrets.accept(actor=actor, name="TPI_SECRET_KEY"),
        "secret.accept",
        ADMINISTRATOR,
    ),
    "accounts.services.keys.ring.add_key": Mutation(
        lambda world, actor: key_rings.add_key(actor=actor),
        "keys.add",
        ADMINISTRATOR,
    ),
    "accounts.services.keys.ring.remove_key": Mutation(
        lambda world, actor: key_rings.remove_key(actor=actor, key_id=world.spare_key),
        "keys.remove",
        ADMINISTRATOR,
    ),
    "accounts.services.keys.asking.ask_rotation": Mutation(
        lambda world, actor: asking.ask_rotation(actor=actor),
        "keys.add",
        ADMINISTRATOR,
    ),
    "accounts.services.keys.compromise.give_up": Mutation(
        lambda world, actor: compromise.give_up(actor=actor, key_id=world.spare_key),
        "keys.give-up",
        ADMINISTRATOR,
    ),
    "accounts.services.keys.relocation.copy_to": Mutation(
        lambda world, actor: relocation.copy_to(actor=actor, address=f"file:{world.other_place()}"),
        "keys.copy",
        ADMINISTRATOR,
    ),
    "accounts.services.keys.rewrapping.rewrap_all": Mutation(
        lambda world, actor: rewrapping.rewrap_all(actor=actor),
        "keys.rewrap",
        ADMINISTRATOR,
    ),
    "tpi_site.services.support.bundles.make": Mutation(
        lambda world, actor: bundles.make(actor=actor, target=io.BytesIO()),
        "support-bundle.make",
        f"operator {ADMINISTRATOR}",
    ),
    "indexapp.services.backups.asking.ask_backup": Mutation(
        lambda world, actor: _asked_backup(actor),
        "backup.ask",
        f"operator {ADMINISTRATOR}",
    ),
    "accounts.services.audit_export.export": Mutation(
        lambda world, actor: audit_export.export(actor=actor, form="csv"),
        "audit.export",
        f"auditor {SECURES}",
    ),
    "accounts.services.audit_sinks.create": Mutation(
        lambda world, actor: audit_sinks.create(actor=actor, name="new", kind="file", address="new.jsonl"),
        "audit-sink.create",
        ADMINISTRATOR,
    ),
    "accounts.services.audit_sinks.change": Mutation(
        lambda world, actor: audit_sinks.change(actor=actor, sink=world.sink, enabled=False),
        "audit-sink.change",
        ADMINISTRATOR,
    ),
    "accounts.services.audit_sinks.delete": Mutation(
        lambda world, actor: audit_sinks.delete(actor=actor, sink=world.sink),
        "audit-sink.delete",
        ADMINISTRATOR,
    ),
    "accounts.services.audit_sinks.test": Mutation(
        lambda world, actor: audit_sinks.test(actor=actor, sink=world.sink),
        "audit-sink.test",
        ADMINISTRATOR,
    ),
    "accounts.services.audit_sinks.secret_of": Mutation(
        lambda world, actor: audit_sinks.secret_of(actor=actor, sink=world.sink),
        "audit-sink.show-secret",
        ADMINISTRATOR,
    ),
}
