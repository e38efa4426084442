"""Services about indexes, projects, releases, files, rights and the trash."""

from __future__ import annotations

from accounts.domain.verbs import Verb
from indexapp.services import indexes, projects, quota_settings, releases, roles
from indexapp.services.mirrors import plans
from indexapp.services.prefetch import asking
from indexapp.services.trash import purging, restoring
from tests.builders.wheels import build_wheel
from tests.factories.publishing import upload
from tests.mutations.world import (
    ADMINISTRATOR,
    INDEX_ADMINS,
    SECURES,
    UPLOADERS,
    Mutation,
)

PUBLISHING: dict[str, Mutation] = {
    "indexapp.services.indexes.create": Mutation(
        lambda world, actor: indexes.create(actor=actor, name="new"),
        "index.create",
        ADMINISTRATOR,
        ("index-created",),
    ),
    "indexapp.services.indexes.change": Mutation(
        lambda world, actor: indexes.change(actor=actor, index=world.index, max_file_size=1000),
        "index.change",
        f"operator {INDEX_ADMINS}",
        ("index-changed",),
    ),
    "indexapp.services.indexes.make_default": Mutation(
        lambda world, actor: indexes.make_default(actor=actor, index=world.other_index),
        "index.make-default",
        ADMINISTRATOR,
        ("index-changed",),
    ),
    "indexapp.services.indexes.delete": Mutation(
        lambda world, actor: indexes.delete(actor=actor, index=world.other_index),
        "index.delete",
        ADMINISTRATOR,
        ("index-deleted",),
    ),
    "indexapp.services.projects.create": Mutation(
        lambda world, actor: projects.create(actor=actor, index=world.index, name="new-thing"),
        "project.create",
        UPLOADERS,
        ("project-created",),
    ),
    "indexapp.services.projects.set_status": Mutation(
        lambda world, actor: projects.set_status(
            actor=actor, project=world.project, status="quarantined", reason="under attack"
        ),
        "project.quarantine",
        f"team_admin {SECURES}",
        ("project-status",),
    ),
    "indexapp.services.projects.delete": Mutation(
        lambda world, actor: projects.delete(actor=actor, project=world.project),
        "project.delete",
        INDEX_ADMINS,
        ("project-deleted",),
    ),
    "indexapp.services.quota_settings.set_limits": Mutation(
        lambda world, actor: quota_settings.set_limits(actor=actor, holder=world.index, hard_limit=10**9),
        "quota.set",
        "operator administrator",
    ),
    "indexapp.services.quota_settings.assign": Mutation(
        lambda world, actor: quota_settings.assign(actor=actor, project=world.project, team=world.team),
        "project.assign",
        "operator administrator",
    ),
    "indexapp.services.releases.yank": Mutation(
        lambda world, actor: releases.yank(actor=actor, release=world.release, reason="broken"),
        "release.yank",
        INDEX_ADMINS,
        ("release-yanked",),
    ),
    "indexapp.services.releases.unyank": Mutation(
        lambda world, actor: releases.unyank(actor=actor, release=world.release),
        "release.unyank",
        INDEX_ADMINS,
        ("release-unyanked",),
    ),
    "indexapp.services.releases.yank_file": Mutation(
        lambda world, actor: releases.yank_file(actor=actor, file=world.file, reason="broken"),
        "file.yank",
        INDEX_ADMINS,
        ("file-yanked",),
    ),
    "indexapp.services.releases.unyank_file": Mutation(
        lambda world, actor: releases.unyank_file(actor=actor, file=world.file),
        "file.unyank",
        INDEX_ADMINS,
        ("file-unyanked",),
    ),
    "indexapp.services.releases.delete": Mutation(
        lambda world, actor: releases.delete(actor=actor, release=world.release),
        "release.delete",
        INDEX_ADMINS,
        ("release-deleted",),
    ),
    "indexapp.services.releases.delete_file": Mutation(
        lambda world, actor: releases.delete_file(actor=actor, file=world.file),
        "file.delete",
        INDEX_ADMINS,
        ("file-deleted",),
    ),
    "indexapp.services.roles.grant": Mutation(
        lambda world, actor: roles.grant(actor=actor, index=world.index, holder=world.team, verbs=[Verb.YANK]),
        "role.grant",
        INDEX_ADMINS,
    ),
    "indexapp.services.roles.revoke": Mutation(
        lambda world, actor: roles.revoke(actor=actor, role=world.role), "role.revoke", INDEX_ADMINS
    ),
    "indexapp.services.roles.reserve_prefix": Mutation(
        lambda world, actor: roles.reserve_prefix(actor=actor, team=world.team, prefix="acme", index=world.index),
        "prefix.reserve",
        INDEX_ADMINS,
    ),
    "indexapp.services.roles.release_prefix": Mutation(
        lambda world, actor: roles.release_prefix(actor=actor, reserved=world.prefix),
        "prefix.release",
        f"maintainer {INDEX_ADMINS}",
    ),
    "indexapp.services.prefetch.asking.begin": Mutation(
        lambda world, actor: asking.begin(
            actor=actor, index=world.outside, request=asking.Request("requirements.txt", "acme-tool")
        ),
        "prefetch.begin",
        INDEX_ADMINS,
    ),
    "indexapp.services.prefetch.asking.cancel": Mutation(
        lambda world, actor: asking.cancel(actor=actor, job=world.prefetch),
        "prefetch.cancel",
        INDEX_ADMINS,
    ),
    "indexapp.services.mirrors.plans.change": Mutation(
        lambda world, actor: plans.change(actor=actor, index=world.outside, is_on=True),
        "mirror-plan.change",
        INDEX_ADMINS,
    ),
    "indexapp.services.trash.restoring.restore": Mutation(
        lambda world, actor: restoring.restore(actor=actor, entry=world.trashed),
        "trash.restore",
        INDEX_ADMINS,
        ("release-restored",),
    ),
    "indexapp.services.trash.purging.purge": Mutation(
        lambda world, actor: purging.purge(actor=actor, entry=world.trashed, typed=str(world.trashed)),
        "trash.purge",
        INDEX_ADMINS,
        ("trash-purged",),
    ),
    "indexapp.services.uploads.accept": Mutation(
        lambda world, actor: upload(world.index, build_wheel("acme-tool", "2.0"), actor=actor),
        "file.upload",
        UPLOADERS,
        ("file-added",),
    ),
}
