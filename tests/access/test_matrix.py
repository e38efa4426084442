from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse
from django.utils import timezone
from django.views.generic import RedirectView
from django_q.models import Failure, OrmQ, Schedule, Success
from django_q.signing import SignedPackage
from drf_spectacular.generators import SchemaGenerator

from accounts.domain.verbs import Verb
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
from accounts.services import alarms, nodes, service_accounts
from indexapp.models import (
    Advisory,
    AdvisoryImport,
    Change,
    Drill,
    File,
    Merge,
    MirroredFile,
    MirroredProject,
    MirrorPlan,
    PolicyException,
    PolicyHold,
    PolicyRule,
    PrefetchJob,
    Project,
    Quota,
    Release,
    ReservedPrefix,
    Role,
    Trashed,
    Upstream,
)
from indexapp.services import releases, roles
from tests.access import matrix
from tests.builders.wheels import build_wheel
from tests.factories.backups import make_backup, make_drill
from tests.factories.cast import ROLES, Cast
from tests.factories.directories import map_group, silent_directory
from tests.factories.factors import with_factor
from tests.factories.people import SYSTEM, join, make_token, make_user
from tests.factories.policies import make_policy
from tests.factories.publishing import give, make_group, published
from tests.factories.upstreams import make_mirror
from tests.factories.vulnerabilities import make_advisory
from tests.plugins import process_memory
from tests.wsgi_client import WsgiClient
from tpi_site.kit.admin import Screen

FORM = "application/x-www-form-urlencoded"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def _routes(resolver: URLResolver, namespaces: tuple[str, ...] = ()) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            if pattern.name:
                yield ":".join((*namespaces, pattern.name))
        else:
            inner = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from _routes(pattern, inner)


ROUTES = sorted(set(_routes(get_resolver())))


def _console_routes() -> set[str]:
    """The console's addresses that have rows, letter for letter."""
    of_screens = {
        f"{name}_{suffix}"
        for name, screen in matrix.CONSOLE.items()
        for suffix in (*matrix.SUFFIXES, *screen.more, *screen.here)
    }
    return {f"admin:{name}" for name in of_screens | matrix.CONSOLE_OWN}


ROWS = {*matrix.MACHINE, *matrix.PAGES, *matrix.POSTED_PAGES, *_console_routes()}


def test_every_route_has_a_row() -> None:
    assert sorted(set(ROUTES) - ROWS) == []


def test_every_row_has_a_route() -> None:
    assert sorted(ROWS - set(ROUTES)) == []


def _screen(name: str) -> Screen:
    screen = admin.site.get_model_admin(apps.get_model(*name.rsplit("_", 1)))
    assert isinstance(screen, Screen)
    return screen


@pytest.mark.parametrize("name", sorted(matrix.CONSOLE))
def test_every_action_of_the_console_has_a_row(name: str) -> None:
    screen = _screen(name)
    offered = [*screen.confirmed_actions, *([screen.deletion] if screen.deletion else [])]
    assert {action.name for action in offered} == set(matrix.CONSOLE[name].actions)


def _patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    """Every pattern but the console's own catch-all, which answers nothing by itself."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern)
        elif getattr(pattern.callback, "__name__", "") != admin.site.catch_all_view.__name__:
            yield pattern


def test_a_route_without_a_name_is_another_spelling_of_one_that_has_a_row() -> None:
    patterns = list(_patterns(get_resolver()))
    named = {pattern.callback for pattern in patterns if pattern.name}
    wild = [
        str(pattern.pattern)
        for pattern in patterns
        if not pattern.name
        and pattern.callback not in named
        and getattr(pattern.callback, "view_class", None) is not RedirectView
    ]
    assert wild == []


OPERATIONS = {"get", "post", "put", "patch", "delete", "head", "options", "trace"}


def _operations() -> Iterator[tuple[str, str]]:
    """Each operation that the API's schema tells of, as the route and the method that answer it."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for path, operations in schema["paths"].items():
        address = re.sub(r"\{[^}]+\}", "1", path)
        for method in OPERATIONS & operations.keys():
            yield resolve(address).view_name, method.upper()


def test_every_operation_of_the_apis_schema_has_a_row() -> None:
    found = set(_operations())
    rows = {(route, method) for route, row in matrix.MACHINE.items() for method in row.methods}
    assert sorted(found - rows) == []
    told_elsewhere = {"api:root", "api:schema", "api:docs"}
    of_api = {row for row in rows if row[0].startswith("api:") and row[0] not in told_elsewhere}
    assert sorted(of_api - found) == []


@pytest.fixture
def scene(cast: Cast) -> dict[str, Any]:
    """A published project and one row of everything that an address may name."""
    file = published(cast.index)
    gone = published(cast.index, build_wheel("acme-tool", "0.9"))
    releases.delete(actor=SYSTEM, release=gone.release)
    # Whatever an auditor is granted besides must make no difference.
    give(cast.auditor, [Verb.ADMINISTER], cast.index)
    join(cast.auditor, cast.team, role="admin")
    bystander = make_user("bystander")
    role = give(bystander, [Verb.READ], cast.index)
    token, _ = make_token(bystander, [Verb.READ])
    service_accounts.create(actor=cast.actor("administrator"), team=cast.team, name="svc-build")
    prefix = roles.reserve_prefix(actor=cast.actor("administrator"), team=cast.team, prefix="acme", index=cast.index)
    outside = make_mirror("", "outside", is_offline=True)
    everything = make_group("everything", cast.index, outside)
    for index in (outside, everything):
        give(cast.team_admin, [Verb.ADMINISTER], index)
    Merge.objects.create(group=everything, normalized_name="merged", reason="a fork", created_by="administrator")
    directory = silent_directory()
    ReadOnlyPeriod.objects.create(started_by="operator")
    make_advisory("PYSEC-2026-1")
    digest = file.sha256
    rule, exception, hold = make_policy(cast.index)
    return {
        "policy_rule": rule.pk,
        "policy_exception": exception.pk,
        "policy_hold": hold.pk,
        "filename": file.filename,
        "path": f"{digest[:2]}/{digest[2:4]}/{digest[4:]}/{file.filename}",
        "role": role.pk,
        "token": Token.objects.get(pk=token.pk).pk,
        "prefix": prefix.pk,
        "mapping": map_group(directory, "cn=ops,dc=tpi", cast.team).pk,
        "sync": DirectorySync.objects.create(directory=directory, state="done", moved_at=timezone.now()).pk,
        "alarm": alarms.ring("test", "Something needs a person.").pk,
        "trash": Trashed.objects.get().pk,
        "drill": make_drill().pk,
        "prefetch": PrefetchJob.objects.create(index=cast.index, name="requirements.txt", kind="requirements.txt").pk,
        "sink": AuditSink.objects.create(name="siem", kind="file", address="siem.jsonl").name,
        "audit": AuditEntry.objects.order_by("pk").values_list("pk", flat=True)[0],
    }


def _address(route: str, kwargs: Any, scene: dict[str, Any]) -> str:
    filled = {
        key: scene[value[1:-1]] if isinstance(value, str) and value.startswith("{") else value
        for key, value in kwargs.items()
    }
    return reverse(route, kwargs=filled)


def _ask(machine: WsgiClient, method: str, address: str, body: Any) -> int:
    """The status of the request, whose effects are undone."""
    with transaction.atomic():
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        answer = machine.request(method, address, headers=headers, body=content)
        transaction.set_rollback(True)
    process_memory.forget()
    return answer.status


@pytest.mark.parametrize("route", sorted(matrix.MACHINE))
def test_machine_address_lets_through_whom_its_row_names(
    route: str, machine: WsgiClient, cast: Cast, scene: dict[str, Any]
) -> None:
    row = matrix.MACHINE[route]
    address = _address(route, row.kwargs, scene) + row.suffix
    wrong = []
    for role in sorted(matrix.EVERYBODY):
        client = machine.signed(cast.basic(role) if row.by_password else cast.bearer(role))
        for method, (who, body) in row.methods.items():
            status = _ask(client, method, address, body)
            if not _is_right(status, role in who, role, row, method):
                wrong.append(f"{method} {address} by {role}: {status}")
    assert wrong == []


def _is_right(status: int, may: bool, role: str, row: matrix.Row, method: str) -> bool:
    if may:
        return 200 <= status < 400 or status == row.answers.get(method)
    return status == 401 if role == "anonymous" else status in {403, row.denied}


def test_no_row_takes_a_refusal_for_a_welcome() -> None:
    answers = [(row.denied, status) for row in matrix.MACHINE.values() for status in row.answers.values()]
    assert [pair for pair in answers if pair[1] not in {400, 404, 409, 422} or pair[0] == pair[1]] == []


@pytest.mark.parametrize("route", sorted(matrix.MACHINE))
def test_machine_address_takes_no_other_method(
    route: str, machine: WsgiClient, cast: Cast, scene: dict[str, Any]
) -> None:
    row = matrix.MACHINE[route]
    address = _address(route, row.kwargs, scene) + row.suffix
    client = machine.signed(cast.bearer("administrator"))
    allowed = {*row.methods, *({"HEAD"} if "GET" in row.methods else set())}
    statuses = {method: _ask(client, method, address, {}) for method in METHODS if method not in allowed}
    expected = 404 if not row.methods else 405
    assert statuses == dict.fromkeys(statuses, expected)


def _browse(role: str, cast: Cast, address: str) -> tuple[int, str]:
    browser = Client()
    if role != "anonymous":
        browser.force_login(cast.user(role))
    answer = browser.get(address, headers={"accept": "text/html"})
    return answer.status_code, answer.headers.get("Location", "")


def _sees(status: int, location: str) -> bool:
    return status == 200 or (status in (301, 302) and "/sign-in/" not in location and "/login/" not in location)


def _is_turned_away(role: str, status: int, location: str) -> bool:
    if role == "anonymous":
        return status in (301, 302) and ("/sign-in/" in location or "/login/" in location)
    return status == 403 or (status == 302 and ("/sign-in/" in location or "/login/" in location))


@pytest.mark.parametrize("route", sorted(matrix.PAGES))
def test_page_opens_for_whom_its_row_names(route: str, cast: Cast, scene: dict[str, Any]) -> None:
    wanted = {
        "browse:default-project": ("project",),
        "browse:index": ("index",),
        "browse:project": ("index", "project"),
        "browse:release": ("index", "project", "version"),
    }.get(route, ())
    address = reverse(route, kwargs={key: matrix.PAGE_KWARGS[key] for key in wanted})
    wrong = []
    for role in sorted(matrix.EVERYBODY):
        status, location = _browse(role, cast, address)
        may = role in matrix.PAGES[route]
        if route == "account:theme":
            may = status == 405 or _sees(status, location)  # it only takes a choice, from everybody
            if may:
                continue
        if not (_sees(status, location) if may else _is_turned_away(role, status, location)):
            wrong.append(f"{address} by {role}: {status} {location}")
    assert wrong == []


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
        return _is_turned_away(role, status, location)
    return status == 404 or _is_turned_away(role, status, location) or (status, location) == (302, changelist)


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


def test_the_scene_is_what_the_rows_speak_of(cast: Cast, scene: dict[str, Any]) -> None:
    assert Project.objects.filter(index=cast.index, normalized_name="acme-tool").exists()
