"""Services about mirrors: their settings, exceptions to ownership, and other bytes under a known name."""

from __future__ import annotations

from indexapp.services.mirrors import conflicts, merges, pinning, settings
from tests.mutations.world import INDEX_ADMINS, SECURES, Mutation

MIRRORS: dict[str, Mutation] = {
    "indexapp.services.mirrors.settings.change": Mutation(
        lambda world, actor: settings.change(actor=actor, index=world.mirror, page_seconds=60),
        "upstream.change",
        f"operator {INDEX_ADMINS}",
        ("index-changed",),
    ),
    "indexapp.services.mirrors.merges.create": Mutation(
        lambda world, actor: merges.create(actor=actor, group=world.group, name="acme-tool", reason="ours is a fork"),
        "merge.create",
        SECURES,
        ("index-changed",),
    ),
    "indexapp.services.mirrors.merges.revoke": Mutation(
        lambda world, actor: merges.revoke(actor=actor, merge=world.merge),
        "merge.revoke",
        SECURES,
        ("index-changed",),
    ),
    "indexapp.services.mirrors.pinning.unpin_all": Mutation(
        lambda world, actor: pinning.unpin_all(actor=actor, index=world.mirror),
        "mirror.unpin",
        INDEX_ADMINS,
    ),
    "indexapp.services.mirrors.conflicts.keep_ours": Mutation(
        lambda world, actor: conflicts.keep_ours(actor=actor, file=world.contested),
        "mirror.keep-ours",
        f"team_admin {SECURES}",
    ),
    "indexapp.services.mirrors.conflicts.take_theirs": Mutation(
        lambda world, actor: conflicts.take_theirs(actor=actor, file=world.contested),
        "mirror.take-theirs",
        SECURES,
        ("file-deleted",),
    ),
}
