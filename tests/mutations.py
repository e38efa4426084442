"""Every service that changes something: how to call it, what it must write, and who may.

The tests of :mod:`tests.unit.test_mutations` are generated from this table, and an architecture test finds services that
are missing in it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import override_settings

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import Alarm, AuditSink, BrowserSession, ReadOnlyPeriod, Token, User
from accounts.services import (
    alarms,
    audit_export,
    audit_sinks,
    authenticators,
    read_only,
    service_accounts,
    sessions,
    shared_secrets,
    teams,
    token_rotation,
    tokens,
    users,
)
from accounts.services.directories import removal
from accounts.services.directories import settings as directories
from accounts.services.keys import asking, compromise, relocation, rewrapping
from accounts.services.keys import ring as key_rings
from indexapp.models import File, Index, Project, Release, ReservedPrefix, Role, Trashed
from indexapp.services import indexes, projects, quota_settings, releases, roles
from indexapp.services.backups import asking as backup_asking
from indexapp.services.trash import purging, restoring
from tests.builders.wheels import build_wheel
from tests.factories.cast import ROLES, Cast
from tests.factories.directories import map_group, silent_directory, silent_values
from tests.factories.factors import begun, code_of, with_factor
from tests.factories.people import PASSWORD, SYSTEM, make_service_account, make_team, make_token, make_user
from tests.factories.publishing import give, make_index, published, upload
from tpi_site.kit import key_ring
from tpi_site.services.support import bundles


class World:
    """One thing of each kind, made before the call that is tested."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.index: Index = cast.index
        self.file: File = published(self.index)
        self.release: Release = self.file.release
        self.project: Project = self.release.project
        gone = published(self.index, build_wheel("acme-tool", "0.9"))
        releases.delete(actor=SYSTEM, release=gone.release)
        self.trashed = Trashed.objects.get()
        self.project.refresh_from_db()
        self.team = make_team("empty")
        self.newcomer = make_user("newcomer")
        self.other_index = make_index("other")
        self.prefix = ReservedPrefix.objects.create(prefix="ours", team=cast.team, index=self.index)
        self.token: Token = make_token(cast.reader)[0]
        self.robot = make_service_account(cast.team)
        self.robots_token: Token = make_token(self.robot)[0]
        self.role: Role = give(self.newcomer, [Verb.READ], self.index)
        self.session: BrowserSession = sessions.begin(user=cast.reader, address="", browser="")[0]
        for person in (*(cast.user(role) for role in ROLES[1:]), self.newcomer):
            with_factor(person)
            begun(person)
        self.program = service_accounts.create(actor=SYSTEM, team=cast.team, name="svc-build")
        self.sink = AuditSink.objects.create(name="kept", kind="file", address="kept.jsonl")
        self.directory = silent_directory()
        self.mapping = map_group(self.directory, "cn=ops,dc=tpi", self.team)
        self.period = ReadOnlyPeriod.objects.create(started_by="administrator")
        self.spare_key = _spare_key()
        self.alarm: Alarm = alarms.ring("test", "Something needs a person.")

    @staticmethod
    def other_place() -> Path:
        """A file that is not there, for another ring."""
        return Path(settings.TPI_STORAGE_URL.removeprefix("file://")).with_name("other-ring.json")

    def person(self, actor: Actor) -> User:
        """The actor as a row; somebody else for nobody."""
        return self.newcomer if actor.user_id is None else User.objects.get(pk=actor.user_id)


def _spare_key() -> str:
    """A key of the ring that wraps nothing."""
    ring = key_ring.key_ring()
    larger = key_ring.with_new_key(ring)
    key_ring.replace_file(replace(larger, current=ring.current))
    return larger.current


@dataclass(frozen=True)
class Mutation:
    """``act`` calls the service; ``action`` and ``kinds`` are what it writes to the audit log and the change log."""

    act: Callable[[World, Actor], Any]
    action: str
    allowed: str
    kinds: tuple[str, ...] = ()
    is_about_own_tokens: bool = False
    """Whoever holds a token may make a narrower one of it and may end it."""


ADMINISTRATOR = "administrator"
EVERY_ACCOUNT = "outsider reader uploader member maintainer team_admin auditor operator security_officer administrator"
INDEX_ADMINS = "team_admin administrator"
UPLOADERS = "uploader member maintainer team_admin administrator"
SECURES = "security_officer administrator"


def _asked_backup(actor: Actor) -> None:
    with override_settings(TPI_BACKUP_URL="file:///srv/backups"):
        backup_asking.ask_backup(actor=actor)


MUTATIONS: dict[str, Mutation] = {
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
    "accounts.services.directories.settings.create": Mutation(
        lambda world, actor: directories.create(actor=actor, name="new", **silent_values()),
        "directory.create",
        ADMINISTRATOR,
    ),
    "accounts.services.directories.settings.change": Mutation(
        lambda world, actor: directories.change(actor=actor, directory=world.directory, title="Corp"),
        "directory.change",
        ADMINISTRATOR,
    ),
    "accounts.services.directories.removal.delete": Mutation(
        lambda world, actor: removal.delete(actor=actor, directory=world.directory),
        "directory.delete",
        ADMINISTRATOR,
    ),
    "accounts.services.directories.settings.map_group": Mutation(
        lambda world, actor: directories.map_group(
            actor=actor, directory=world.directory, group_dn="cn=devs,dc=tpi", team=world.team, role="maintainer"
        ),
        "directory.map-group",
        ADMINISTRATOR,
    ),
    "accounts.services.directories.settings.unmap_group": Mutation(
        lambda world, actor: directories.unmap_group(actor=actor, mapping=world.mapping),
        "directory.unmap-group",
        ADMINISTRATOR,
    ),
    "accounts.services.users.create": Mutation(
        lambda world, actor: users.create(actor=actor, username="new", email="new@tpi.example"),
        "user.create",
        ADMINISTRATOR,
    ),
    "accounts.services.users.change": Mutation(
        lambda world, actor: users.change(actor=actor, user=world.newcomer, is_active=False),
        "user.change",
        SECURES,
    ),
    "accounts.services.users.change_own": Mutation(
        lambda world, actor: users.change_own(
            actor=actor, user=world.person(actor), first_name="Ada", last_name="", email="a@tpi.example"
        ),
        "user.change",
        "outsider reader uploader member maintainer team_admin operator security_officer administrator",
    ),
    "accounts.services.users.set_password": Mutation(
        lambda world, actor: users.set_password(
            actor=actor, user=world.cast.reader, password="nobody guesses this", present=PASSWORD
        ),
        "user.set-password",
        "reader administrator",
    ),
    "accounts.services.users.delete": Mutation(
        lambda world, actor: users.delete(actor=actor, user=world.newcomer), "user.delete", ADMINISTRATOR
    ),
    "accounts.services.authenticators.begin": Mutation(
        lambda world, actor: authenticators.begin(actor=actor, user=world.person(actor)),
        "factor.begin",
        EVERY_ACCOUNT,
    ),
    "accounts.services.authenticators.confirm": Mutation(
        lambda world, actor: authenticators.confirm(
            actor=actor, user=world.person(actor), **code_of(world.person(actor))
        ),
        "factor.confirm",
        EVERY_ACCOUNT,
    ),
    "accounts.services.authenticators.remove": Mutation(
        lambda world, actor: authenticators.remove(actor=actor, user=world.cast.reader),
        "factor.remove",
        f"reader {SECURES}",
    ),
    "accounts.services.authenticators.renew_recovery_codes": Mutation(
        lambda world, actor: authenticators.renew_recovery_codes(actor=actor, user=world.person(actor)),
        "factor.renew-recovery-codes",
        EVERY_ACCOUNT,
    ),
    "accounts.services.sessions.end": Mutation(
        lambda world, actor: sessions.end(actor=actor, session=world.session), "session.end", f"reader {SECURES}"
    ),
    "accounts.services.sessions.end_others": Mutation(
        lambda world, actor: sessions.end_others(actor=actor, user=world.cast.reader, keep=None),
        "session.end-others",
        f"reader {SECURES}",
    ),
    "accounts.services.sessions.end_all": Mutation(
        lambda world, actor: sessions.end_all(actor=actor, user=world.cast.reader, reason="left"),
        "session.end-all",
        f"reader {SECURES}",
    ),
    "accounts.services.teams.create": Mutation(
        lambda world, actor: teams.create(actor=actor, name="new"), "team.create", ADMINISTRATOR
    ),
    "accounts.services.teams.change": Mutation(
        lambda world, actor: teams.change(actor=actor, team=world.cast.team, title="Tools"),
        "team.change",
        INDEX_ADMINS,
    ),
    "accounts.services.teams.delete": Mutation(
        lambda world, actor: teams.delete(actor=actor, team=world.team), "team.delete", ADMINISTRATOR
    ),
    "accounts.services.teams.set_member": Mutation(
        lambda world, actor: teams.set_member(actor=actor, team=world.cast.team, user=world.newcomer, role="member"),
        "team.set-member",
        INDEX_ADMINS,
    ),
    "accounts.services.teams.remove_member": Mutation(
        lambda world, actor: teams.remove_member(actor=actor, team=world.cast.team, user=world.cast.member),
        "team.remove-member",
        "member team_admin administrator",
    ),
    "accounts.services.teams.invite": Mutation(
        lambda world, actor: teams.invite(actor=actor, team=world.cast.team, username="newcomer", role="member"),
        "team.set-member",
        INDEX_ADMINS,
    ),
    "accounts.services.service_accounts.create": Mutation(
        lambda world, actor: service_accounts.create(actor=actor, team=world.cast.team, name="svc-new"),
        "service-account.create",
        INDEX_ADMINS,
    ),
    "accounts.services.service_accounts.change": Mutation(
        lambda world, actor: service_accounts.change(actor=actor, user=world.program, is_active=False),
        "service-account.change",
        INDEX_ADMINS,
    ),
    "accounts.services.service_accounts.delete": Mutation(
        lambda world, actor: service_accounts.delete(actor=actor, user=world.program),
        "service-account.delete",
        INDEX_ADMINS,
    ),
    "accounts.services.tokens.issue": Mutation(
        lambda world, actor: tokens.issue(actor=actor, owner=world.robot, name="new", verbs=[Verb.READ]),
        "token.issue",
        f"maintainer {INDEX_ADMINS}",
    ),
    "accounts.services.tokens.revoke": Mutation(
        lambda world, actor: tokens.revoke(actor=actor, token=world.token),
        "token.revoke",
        f"reader {SECURES}",
        is_about_own_tokens=True,
    ),
    "accounts.services.token_rotation.rotate": Mutation(
        lambda world, actor: token_rotation.rotate(actor=actor, token=world.robots_token),
        "token.rotate",
        f"maintainer {INDEX_ADMINS}",
    ),
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
