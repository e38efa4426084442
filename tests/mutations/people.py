"""Services about directories, people, programs, teams, sessions and tokens."""

from __future__ import annotations

from accounts.domain.verbs import Verb
from accounts.services import (
    authenticators,
    service_accounts,
    sessions,
    teams,
    token_rotation,
    tokens,
    users,
)
from accounts.services.directories import removal
from accounts.services.directories import settings as directories
from tests.factories.directories import silent_values
from tests.factories.factors import code_of
from tests.factories.people import PASSWORD
from tests.mutations.world import (
    ADMINISTRATOR,
    EVERY_ACCOUNT,
    INDEX_ADMINS,
    SECURES,
    Mutation,
)

PEOPLE: dict[str, Mutation] = {
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
}
