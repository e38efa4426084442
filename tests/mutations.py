"""Every service that changes something: how to call it, what it must write, and who may.

The tests of :mod:`tests.unit.test_mutations` are generated from this table, and an architecture test finds services that
are missing in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import Alarm, Token, User
from accounts.services import alarms, teams, tokens, users
from accounts.services.directories import settings as directories
from indexapp.models import File, Index, Project, Release, ReservedPrefix, Role
from indexapp.services import indexes, projects, releases, roles
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.directories import map_group, silent_directory, silent_values
from tests.factories.people import make_team, make_token, make_user
from tests.factories.publishing import give, make_index, published, upload


class World:
    """One thing of each kind, made before the call that is tested."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.index: Index = cast.index
        self.file: File = published(self.index)
        self.release: Release = self.file.release
        self.project: Project = self.release.project
        self.team = make_team("empty")
        self.newcomer = make_user("newcomer")
        self.other_index = make_index("other")
        self.prefix = ReservedPrefix.objects.create(prefix="ours", team=cast.team, index=self.index)
        self.token: Token = make_token(cast.reader)[0]
        self.role: Role = give(self.newcomer, [Verb.READ], self.index)
        self.directory = silent_directory()
        self.mapping = map_group(self.directory, "cn=ops,dc=tpi", self.team)
        self.alarm: Alarm = alarms.ring("test", "Something needs a person.")

    def person(self, actor: Actor) -> User:
        """The actor as a row; somebody else for nobody."""
        return self.newcomer if actor.user_id is None else User.objects.get(pk=actor.user_id)


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
INDEX_ADMINS = "team_admin administrator"
UPLOADERS = "uploader member team_admin administrator"

MUTATIONS: dict[str, Mutation] = {
    "accounts.services.alarms.end": Mutation(
        lambda world, actor: alarms.end(actor=actor, alarm=world.alarm),
        "alarm.end",
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
    "accounts.services.directories.settings.delete": Mutation(
        lambda world, actor: directories.delete(actor=actor, directory=world.directory),
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
        ADMINISTRATOR,
    ),
    "accounts.services.users.change_own": Mutation(
        lambda world, actor: users.change_own(
            actor=actor, user=world.person(actor), first_name="Ada", last_name="", email="a@tpi.example"
        ),
        "user.change",
        "outsider reader uploader member team_admin administrator",
    ),
    "accounts.services.users.set_password": Mutation(
        lambda world, actor: users.set_password(actor=actor, user=world.cast.reader, password="nobody guesses this"),
        "user.set-password",
        "reader administrator",
    ),
    "accounts.services.users.delete": Mutation(
        lambda world, actor: users.delete(actor=actor, user=world.newcomer), "user.delete", ADMINISTRATOR
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
    "accounts.services.tokens.issue": Mutation(
        lambda world, actor: tokens.issue(actor=actor, owner=world.cast.reader, name="new", verbs=[Verb.READ]),
        "token.issue",
        "reader administrator",
        is_about_own_tokens=True,
    ),
    "accounts.services.tokens.revoke": Mutation(
        lambda world, actor: tokens.revoke(actor=actor, token=world.token),
        "token.revoke",
        "reader administrator",
        is_about_own_tokens=True,
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
        INDEX_ADMINS,
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
        INDEX_ADMINS,
        ("project-status",),
    ),
    "indexapp.services.projects.delete": Mutation(
        lambda world, actor: projects.delete(actor=actor, project=world.project),
        "project.delete",
        INDEX_ADMINS,
        ("project-deleted",),
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
        INDEX_ADMINS,
    ),
    "indexapp.services.uploads.accept": Mutation(
        lambda world, actor: upload(world.index, build_wheel("acme-tool", "2.0"), actor=actor),
        "file.upload",
        UPLOADERS,
        ("file-added",),
    ),
}

NOT_MUTATIONS: dict[str, str] = {
    "accounts.services.alarms.ring": "the product's own doing, which nobody asks for",
    "accounts.services.audit.record": "writes the evidence of the others",
    "accounts.services.directories.people.end": "a part of a sync and of settings.delete, which ask who may",
    "accounts.services.directories.people.end_all": "a part of settings.delete",
    "accounts.services.directories.sync.asking.ask_plan": "puts a job on the queue, which asks again",
    "accounts.services.directories.sync.asking.ask_sync": "puts a job on the queue, which asks again and writes the evidence",
    "accounts.services.directories.sync.run.plan": "writes a report and changes nothing else",
    "accounts.services.directories.sync.run.run": "many changes, each with its evidence; needs a server to be called",
    "accounts.services.sessions.note_sign_in": "writes the evidence of what Django does",
    "accounts.services.sessions.note_sign_out": "writes the evidence of what Django does",
    "accounts.services.token_scopes.checked_indexes": "asks",
    "indexapp.services.changes.record": "writes the evidence of the others",
    "indexapp.services.projects.get_or_create": "a part of create and of uploads.accept, which write the evidence",
    "indexapp.services.uploads.recording.record": "a part of uploads.accept",
}
"""Functions of services that take an actor and are no mutation of their own, and why."""
