"""What a call of a service is made in, and what a row of the table says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import Alarm, AuditSink, BrowserSession, ReadOnlyPeriod, Token, User
from accounts.services import (
    alarms,
    service_accounts,
    sessions,
)
from indexapp.models import (
    Fence,
    File,
    Index,
    Leftover,
    Merge,
    MirroredFile,
    PrefetchJob,
    Project,
    Release,
    Replica,
    ReservedPrefix,
    Role,
    Trashed,
)
from indexapp.services import releases
from indexapp.services.sites import settings as settings_of_sites
from tests.builders.wheels import build_wheel
from tests.factories.cast import ROLES, Cast
from tests.factories.directories import map_group, silent_directory
from tests.factories.factors import begun, with_factor
from tests.factories.mirror_sites import make_site
from tests.factories.people import SYSTEM, make_service_account, make_team, make_token, make_user
from tests.factories.policies import make_policy
from tests.factories.publishing import (
    give,
    make_file,
    make_group,
    make_index,
    make_mirror,
    make_project,
    make_release,
    published,
)
from tests.factories.replication import make_following
from tpi_site.kit import key_ring


class World:
    """One thing of each kind, made before the call that is tested."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.index: Index = cast.index
        self.file: File = published(self.index)
        self.following, self.replica = (
            make_following(may_take_over=True),
            Replica.objects.create(name="far", key_id="k", digest="d"),
        )
        Leftover.objects.create(kind=Leftover.Kind.ROW, epoch=uuid4())
        Fence.objects.create(state=Fence.State.IN_DOUBT, replica="'far'")
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
        self.outside = make_mirror("outside", "https://upstream.example/simple/")
        give(cast.team_admin, [Verb.ADMINISTER], self.outside)
        self.prefetch = PrefetchJob.objects.create(index=self.outside, name="uv.lock", kind="uv.lock")
        self.policy_rule, self.policy_exception, self.policy_hold = make_policy(self.index)
        self.alarm: Alarm = alarms.ring("test", "Something needs a person.")
        self.mirror: Index = self.outside
        self.group: Index = make_group("everything", self.index, self.mirror)
        self.merge: Merge = Merge.objects.create(group=self.group, normalized_name="merged", reason="a fork")
        self.contested: File = make_file(make_release(make_project(self.mirror, "theirs")))
        MirroredFile.objects.create(file=self.contested, conflict="Others.", conflict_at=timezone.now())
        self.mirror_site = make_site("near", indexes=[self.index])
        self.site_that_is_out = settings_of_sites.take_out(actor=SYSTEM, site=make_site("farther"))

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
