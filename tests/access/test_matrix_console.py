"""The screens of the console, by the rows of the matrix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.db import transaction
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success
from django_q.signing import SignedPackage

from accounts.models import (
    Alarm,
    AuditCheckpoint,
    AuditEntry,
    AuditSink,
    BrowserSession,
    Directory,
    DirectorySync,
    GroupMapping,
    KeyEvent,
    Membership,
    Node,
    ReadOnlyPeriod,
    Token,
    User,
)
from accounts.services import nodes
from indexapp.models import (
    Advisory,
    AdvisoryImport,
    Change,
    Drill,
    File,
    IndexSending,
    Merge,
    MirroredFile,
    MirroredProject,
    MirrorPlan,
    MirrorSite,
    PolicyException,
    PolicyHold,
    PolicyRule,
    PrefetchJob,
    Project,
    Quota,
    Release,
    Replica,
    ReservedPrefix,
    Role,
    Trashed,
    Upstream,
)
from tests.access import matrix
from tests.access.asking import is_turned_away
from tests.factories.backups import make_backup
from tests.factories.cast import ROLES, Cast
from tests.factories.factors import with_factor
from tests.plugins import process_memory

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def shown(cast: Cast, scene: dict[str, Any]) -> dict[str, Any]:
    """The id of the row that each screen is asked for."""
    Client().force_login(User.objects.get(username="bystander"))
    with_factor(User.objects.get(username="bystander"))
    ended = {"func": "math.floor", "started": timezone.now(), "stopped": timezone.now()}
    waiting = SignedPackage.dumps({"id": "c" * 32, "name": "waits", "func": "math.floor"})
    rows = {
        "accounts_user": User.objects.get(username="bystander"),
        "accounts_serviceaccount": User.objects.get(username="svc-build"),
        "accounts_team": cast.team,
        "accounts_membership": Membership.objects.get(user=cast.member),
        "accounts_token": Token.objects.get(pk=scene["token"]),
        "accounts_auditentry": AuditEntry.objects.get(pk=scene["audit"]),
        "accounts_keyevent": KeyEvent.objects.create(action="keys.add", object_type="keyring", object_name="00"),
        "accounts_auditcheckpoint": AuditCheckpoint.objects.create(size=1, note="A note."),
        "accounts_auditsink": AuditSink.objects.get(),
        "accounts_browsersession": BrowserSession.objects.get(user__username="bystander"),
        "accounts_directory": Directory.objects.get(),
        "accounts_groupmapping": GroupMapping.objects.get(),
        "accounts_directorysync": DirectorySync.objects.get(),
        "accounts_readonlyperiod": ReadOnlyPeriod.objects.get(),
        "accounts_node": Node.objects.create(
            name="node0",
            release="1.0",
            migrations=nodes.our_migrations(),
            started_at=timezone.now(),
            seen_at=timezone.now(),
        ),
        "accounts_alarm": Alarm.objects.get(),
        "indexapp_index": cast.index,
        "indexapp_project": Project.objects.get(),
        "indexapp_release": Release.objects.get(),
        "indexapp_file": File.objects.get(),
        "indexapp_role": Role.objects.get(pk=scene["role"]),
        "indexapp_reservedprefix": ReservedPrefix.objects.get(),
        "indexapp_policyrule": PolicyRule.objects.get(pk=scene["policy_rule"]),
        "indexapp_policyexception": PolicyException.objects.get(pk=scene["policy_exception"]),
        "indexapp_policyhold": PolicyHold.objects.get(pk=scene["policy_hold"]),
        "indexapp_quota": Quota.objects.get_or_create(index=cast.index)[0],
        "indexapp_mirrorsite": MirrorSite.objects.get(),
        "indexapp_indexsending": IndexSending.objects.create(index=cast.index, mode="through"),
        "indexapp_upstream": Upstream.objects.get(),
        "indexapp_mirroredproject": MirroredProject.objects.create(
            index=Upstream.objects.get().index, normalized_name="theirs"
        ),
        "indexapp_merge": Merge.objects.get(),
        "indexapp_mirroredfile": MirroredFile.objects.create(
            file=File.objects.get(), conflict="Others.", conflict_at=timezone.now()
        ),
        "indexapp_trashed": Trashed.objects.get(),
        "indexapp_prefetchjob": PrefetchJob.objects.get(),
        "indexapp_mirrorplan": MirrorPlan.objects.create(index=cast.index),
        "indexapp_advisory": Advisory.objects.get(),
        "indexapp_advisoryimport": AdvisoryImport.objects.create(source="all.zip", started_at=timezone.now()),
        "indexapp_backup": make_backup(),
        "indexapp_drill": Drill.objects.get(),
        "indexapp_replica": Replica.objects.get(),
        "indexapp_change": Change.objects.order_by("pk")[0],
        "django_q_ormq": OrmQ.objects.create(key="tpi", payload=waiting),
        "django_q_failure": Failure.objects.create(id="a" * 32, name="failed", success=False, **ended),
        "django_q_success": Success.objects.create(id="b" * 32, name="done", success=True, **ended),
        "django_q_schedule": Schedule.objects.create(name="again", func="math.floor"),
    }
    return {name: row.pk for name, row in rows.items()}


BOTH = ("GET", "POST")
NOTHING: Mapping[str, Any] = {}


def _requests(name: str, pk: Any) -> Iterator[tuple[str, str, matrix.Who, Mapping[str, Any]]]:
    """The method, the address, those who are let through and what the row must have, for all that one may ask of a screen.

    What asks for a confirmation answers an empty POST as it answers a GET, so that one of them is enough.
    """

    def asked(
        suffix: str, who: matrix.Who, *keys: Any, methods: Iterable[str] = BOTH, before: Mapping[str, Any] = NOTHING
    ) -> Iterator[Any]:
        address = reverse(f"admin:{name}_{suffix}", args=keys)
        yield from ((method, address, who, before) for method in methods)

    row = matrix.CONSOLE[name]
    yield from asked("changelist", row.lists, methods=["GET"])
    yield from asked("add", row.adds)
    yield from asked("change", row.opens, pk, methods=["GET"])
    yield from asked("change", row.changes, pk, methods=["POST"])
    yield from asked("history", row.opens if row.has_history else matrix.NOBODY, pk, methods=["GET"])
    yield from asked("delete", row.actions.get("delete", matrix.NOBODY), pk, methods=["POST"])
    for action, who in {**row.actions, "no-such-action": matrix.NOBODY}.items():
        yield from asked("do", who, pk, action, methods=["POST"], before=row.before.get(action, NOTHING))
    for suffix, who in row.more.items():
        yield from asked(suffix, who, pk)
    for suffix, who in row.here.items():
        yield from asked(suffix, who)


def _click(
    browser: Client, method: str, address: str, rows: QuerySet[Any], before: Mapping[str, Any]
) -> tuple[int, str]:
    """The answer to a request, whose effects are undone; a form that is sent empty leads back to its row."""
    with transaction.atomic():
        if before:
            rows.update(**before)
        fields = {"_continue": "1"} if method == "POST" else {}
        answer = browser.generic(method, address, urlencode(fields), FORM, headers={"accept": "text/html"})
        transaction.set_rollback(True)
    process_memory.forget()
    return answer.status_code, answer.headers.get("Location", "")


def _is_let_through(status: int, location: str, elsewhere: tuple[str, ...]) -> bool:
    """A page, or the way on; the sign-in page, the question who one is and the list are none."""
    return status == 200 or (status == 302 and location.partition("?")[0] not in elsewhere)


def _is_refused(role: str, status: int, location: str, changelist: str) -> bool:
    if role == "anonymous":
        return is_turned_away(role, status, location)
    return status == 404 or is_turned_away(role, status, location) or (status, location) == (302, changelist)


@pytest.mark.parametrize("name", sorted(matrix.CONSOLE))
def test_console_screen_does_for_each_what_its_row_says(name: str, cast: Cast, shown: dict[str, Any]) -> None:
    changelist = reverse(f"admin:{name}_changelist")
    elsewhere = (changelist, reverse("account:sign-in"), reverse("account:confirm"), reverse("admin:login"))
    wrong = []
    for role in ROLES:
        browser = Client()
        if role != "anonymous":
            browser.force_login(cast.user(role))
        rows = apps.get_model(*name.rsplit("_", 1))._base_manager.filter(pk=shown[name])
        for method, address, who, before in _requests(name, shown[name]):
            status, location = _click(browser, method, address, rows, before)
            let_through = _is_let_through(status, location, elsewhere)
            if not (let_through if role in who else _is_refused(role, status, location, changelist)):
                wrong.append(f"{method} {address} by {role}: {status} {location}")
    assert wrong == []
