"""Every name and number in every address, and in bodies, swapped for somebody else's: refused, and nothing changes.

The one who tries administers the index 'main' and the team 'tools', and holds nothing elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, AuditPending, AuditSink, DirectorySync, SignInMark, Token, VerifiedPassword
from accounts.services import alarms, refusals
from indexapp.models import Change, PrefetchJob, ReservedPrefix, Trashed
from indexapp.services import releases
from tests import evidence
from tests.access import matrix
from tests.builders.wheels import build_wheel
from tests.factories.backups import make_drill
from tests.factories.cast import Cast
from tests.factories.directories import map_group, silent_directory
from tests.factories.mirror_sites import make_site
from tests.factories.people import SYSTEM, make_service_account, make_team, make_token, make_user
from tests.factories.policies import make_policy
from tests.factories.publishing import give, make_index, published
from tests.factories.replication import make_replica
from tests.plugins import process_memory
from tests.wsgi_client import WsgiClient

NOT_NAMES = {"api:nothing"}
EVERYBODYS = {"index:upload": {"GET"}}
"""What an address tells everybody, whatever name is in it."""


@pytest.fixture
def own(cast: Cast) -> dict[str, Any]:
    """What the address names when nothing is swapped."""
    return {"filename": published(cast.index).filename}


@pytest.fixture
def foreign(cast: Cast, own: dict[str, Any]) -> dict[str, Any]:
    """One of everything that belongs to somebody else, by the keyword that names it in an address."""
    theirs = make_index("theirs")
    file = published(theirs, build_wheel("secret", "9.9"))
    releases.delete(actor=SYSTEM, release=published(theirs, build_wheel("secret", "9.8")).release)
    victim = make_user("victim")
    team = make_team("rivals", victim)
    program = make_service_account(team, "svc-rival")
    digest = file.sha256
    directory = silent_directory()
    rule, exception, hold = make_policy(theirs)
    return {
        "directory": directory.name,
        # Advisories are nobody's: a name that none has.
        "osv_id": "PYSEC-1999-1",
        "advisory": "PYSEC-1999-1",
        "sink": AuditSink.objects.create(name="siem", kind="file", address="siem.jsonl").name,
        "replica": make_replica("foreign").name,
        "site": make_site("foreign").name,
        "index": "theirs",
        "project": "secret",
        "name": "secret",
        "version": "9.9",
        "filename": file.filename,
        "sha256": digest,
        "path": f"{digest[:2]}/{digest[2:4]}/{digest[4:]}/{file.filename}",
        "team": team.name,
        "username": (victim.username, program.username),
        "id": {
            "api:role": give(victim, [Verb.READ], theirs).pk,
            "api:token": make_token(victim)[0].pk,
            "api:token-rotate": make_token(victim)[0].pk,
            "api:alarm": alarms.ring("test", "Something.").pk,
            "api:alarm-end": alarms.ring("test", "Something.").pk,
            "api:directory-mapping": map_group(directory, "cn=ops,dc=tpi", team).pk,
            "api:directory-report": DirectorySync.objects.create(directory=directory, moved_at=timezone.now()).pk,
            "api:drill": make_drill().pk,
            **dict.fromkeys(
                ("api:prefetch", "api:prefetch-cancel", "api:prefetch-items"),
                PrefetchJob.objects.create(index=theirs, name="requirements.txt", kind="requirements.txt").pk,
            ),
            "api:prefix": ReservedPrefix.objects.create(prefix="rival", team=team, index=theirs).pk,
            **dict.fromkeys(
                ("api:trash-entry", "api:trash-entry-restore", "api:trash-entry-purge"), Trashed.objects.get().pk
            ),
            "api:policy-rule": rule.pk,
            "api:policy-rule-move": rule.pk,
            "api:policy-exception": exception.pk,
            "api:policy-exception-revoke": exception.pk,
            "api:policy-hold": hold.pk,
            "api:policy-hold-approve": hold.pk,
            "api:policy-hold-reject": hold.pk,
            "api:audit-entry": AuditEntry.objects.order_by("pk").values_list("pk", flat=True)[0],
        },
    }


def _named(own: dict[str, Any], route: str) -> dict[str, Any]:
    kwargs = matrix.MACHINE[route].kwargs
    return {key: own["filename"] if value == "{filename}" else value for key, value in kwargs.items()}


def _swapped(route: str, own: dict[str, Any], foreign: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The keywords with each of them swapped, alone and with all that follow it."""
    named = _named(own, route)
    for place, key in enumerate(named):
        value = foreign[key][route] if key == "id" else foreign[key]
        for one in value if isinstance(value, tuple) else (value,):
            alone = named | {key: one}
            if not any(isinstance(rest, str) and rest.startswith("{") for rest in alone.values()):
                yield alone
        yield {
            name: _first(foreign, name, route) if at >= place else given
            for at, (name, given) in enumerate(named.items())
        }


def _first(foreign: dict[str, Any], name: str, route: str) -> Any:
    value = foreign[name][route] if name == "id" else foreign[name]
    return value[0] if isinstance(value, tuple) else value


def _without_evidence() -> dict[str, Any]:
    """All rows but those that a refused or an authenticated request may leave."""
    left = {model._meta.label for model in (AuditEntry, AuditPending, Token, Change, SignInMark, VerifiedPassword)}
    return {table: content for table, content in evidence.rows().items() if table not in left}


@pytest.mark.parametrize("route", sorted(route for route, row in matrix.MACHINE.items() if row.kwargs))
def test_a_foreign_name_in_an_address_is_refused(
    route: str, machine: WsgiClient, cast: Cast, own: dict[str, Any], foreign: dict[str, Any]
) -> None:
    client = machine.signed(cast.bearer("team_admin"))
    before, wrong = _without_evidence(), []
    for kwargs in _swapped(route, own, foreign):
        if any(isinstance(value, str) and value.startswith("{") for value in kwargs.values()):
            continue
        address = reverse(route, kwargs=kwargs) + matrix.MACHINE[route].suffix
        for method, (_, body) in matrix.MACHINE[route].methods.items():
            if method in EVERYBODYS.get(route, ()):
                continue
            status = _ask(client, method, address, body)
            if status not in (403, 404):
                wrong.append(f"{method} {address}: {status}")
    assert wrong == []
    assert _without_evidence() == before


@pytest.mark.parametrize("route", sorted(route for route, row in matrix.MACHINE.items() if row.kwargs))
def test_each_of_them_is_in_the_audit_log(
    route: str, machine: WsgiClient, cast: Cast, own: dict[str, Any], foreign: dict[str, Any]
) -> None:
    client, missing = machine.signed(cast.bearer("team_admin")), []
    for kwargs in _swapped(route, own, foreign):
        address = reverse(route, kwargs=kwargs) + matrix.MACHINE[route].suffix
        for method, (_, body) in matrix.MACHINE[route].methods.items():
            if method in EVERYBODYS.get(route, ()):
                continue
            status, is_written = _asked(client, "team_admin", method, address, body)
            # What is not in their own index or team they are told, because they see all of it; numbers tell nobody.
            if not is_written and (status != 404 or "id" in kwargs):
                missing.append(f"{method} {address}: {status}")
    assert missing == []


def _asked(client: WsgiClient, name: str, method: str, address: str, body: Any) -> tuple[int, bool]:
    """The status, and whether the refused request leaves an entry by its sender about its address."""
    refusals.forget_all()  # the same refusal is written once a minute
    last = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    content = None if body is None else json.dumps(body).encode()
    with transaction.atomic():
        status = client.request(method, address, headers={"Content-Type": "application/json"}, body=content).status
    refusals.write()
    process_memory.forget()
    return status, AuditEntry.objects.filter(
        pk__gt=last, actor_name=name, action="request.refuse", object_name=address.partition("?")[0], outcome="refused"
    ).exists()


CHANGING = sorted(
    (route, method)
    for route, row in matrix.MACHINE.items()
    for method, (who, _) in row.methods.items()
    if method not in ("GET", "HEAD") and "reader" not in who
)


@pytest.mark.parametrize(("route", "method"), CHANGING)
def test_who_only_reads_changes_nothing_and_each_attempt_is_in_the_audit_log(
    route: str, method: str, machine: WsgiClient, cast: Cast, own: dict[str, Any], foreign: dict[str, Any]
) -> None:
    row = matrix.MACHINE[route]
    kwargs = {
        key: _first(foreign, key, route) if key in ("id", "sink") else value
        for key, value in _named(own, route).items()
    }
    address = reverse(route, kwargs=kwargs)
    client = machine.signed(cast.basic("reader") if row.by_password else cast.bearer("reader"))
    before = _without_evidence()
    status, is_written = _asked(client, "reader", method, address, row.methods[method][1])
    assert (status in (403, 404), is_written) == (True, True), status
    assert _without_evidence() == before


def _ask(client: WsgiClient, method: str, address: str, body: Any) -> int:
    content = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"Content-Type": "application/json"}
    with transaction.atomic():
        status = client.request(method, address, headers=headers, body=content).status
    process_memory.forget()
    return status


BODIES: list[tuple[str, dict[str, Any]]] = [
    ("roles/", {"index": "theirs", "user": "team_admin", "verbs": ["read"]}),
    ("roles/", {"index": "theirs", "project": "secret", "user": "team_admin", "verbs": ["read"]}),
    ("roles/", {"index": "main", "project": "secret", "user": "team_admin", "verbs": ["read"]}),
    ("prefixes/", {"prefix": "rivals", "team": "tools", "index": "theirs"}),
    ("prefixes/", {"prefix": "rivals", "team": "tools"}),
    ("tokens/", {"name": "t", "verbs": ["read"], "user": "victim"}),
    ("tokens/", {"name": "t", "verbs": ["read"], "user": "svc-rival"}),
    ("tokens/", {"name": "t", "verbs": ["read"], "indexes": ["theirs"]}),
    ("policy-rules/", {"name": "new", "effect": "hide", "index": "theirs"}),
    ("policy-rules/", {"name": "new", "effect": "hide"}),
    ("policy-rules/dry-run/", {"name": "new", "effect": "hide", "index": "theirs"}),
    ("policy-exceptions/break-glass/", {"index": "theirs", "project": "secret", "reason": "mine now"}),
    ("teams/", {"name": "new", "parent": "rivals"}),
    ("teams/tools/members/", {"user": "svc-rival"}),
    ("indexes/", {"name": "new", "kind": "group", "members": ["theirs"]}),
]


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_a_foreign_name_in_a_body_is_refused(
    path: str, body: dict[str, Any], machine: WsgiClient, cast: Cast, foreign: dict[str, Any]
) -> None:
    client = machine.signed(cast.bearer("team_admin"))
    before = _without_evidence()
    tokens = Token.objects.count()
    assert _ask(client, "POST", f"/api/v1/{path}", body) in (400, 403, 404)
    assert Token.objects.count() == tokens
    assert _without_evidence() == before


def test_a_team_or_group_is_not_put_where_it_is_not_ones_own(
    machine: WsgiClient, cast: Cast, foreign: dict[str, Any]
) -> None:
    client = machine.signed(cast.bearer("team_admin"))
    before = _without_evidence()
    assert _ask(client, "PATCH", "/api/v1/teams/tools/", {"parent": "rivals"}) == 403
    assert _ask(client, "PATCH", "/api/v1/indexes/main/", {"members": ["theirs"]}) in (400, 403)
    assert _without_evidence() == before


@pytest.mark.parametrize("route", ["browse:index", "browse:project", "browse:release"])
def test_a_foreign_name_opens_no_page(route: str, cast: Cast, foreign: dict[str, Any]) -> None:
    browser = Client()
    browser.force_login(cast.team_admin)
    names = {"browse:index": ("index",), "browse:project": ("index", "project")}.get(
        route, ("index", "project", "version")
    )
    for first in range(len(names)):
        kwargs = {
            name: foreign[name] if place >= first else matrix.PAGE_KWARGS[name] for place, name in enumerate(names)
        }
        assert browser.get(reverse(route, kwargs=kwargs)).status_code in (403, 404)


def test_nobody_elses_row_has_a_page_in_the_console(cast: Cast, foreign: dict[str, Any]) -> None:
    """It looks like one that is not there: back to the list, which does not show it."""
    browser = Client()
    browser.force_login(cast.team_admin)
    before, wrong = _without_evidence(), []
    own = _rows_of_own(cast)
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        if name not in matrix.CONSOLE:
            continue
        for pk in list(model._base_manager.order_by("pk").values_list("pk", flat=True)):
            if (model._meta.label, pk) in own:
                continue
            for view in ("change", "delete"):
                response = browser.post(reverse(f"admin:{name}_{view}", args=[pk]), {"confirmed": "1"})
                if response.status_code not in (302, 403, 404):
                    wrong.append(f"{view} {name} {pk}: {response.status_code}")
    assert wrong == []
    assert _without_evidence() == before


def _rows_of_own(cast: Cast) -> set[tuple[str, Any]]:
    """The rows that the team admin's own lists show."""
    from django.test import RequestFactory

    request = RequestFactory().get("/admin/")
    request.user = cast.team_admin
    request.actor = cast.actor("team_admin")  # type: ignore[attr-defined]  # as the middleware does
    return {
        (model._meta.label, pk)
        for model, screen in admin.site._registry.items()
        for pk in screen.get_queryset(request).values_list("pk", flat=True)
    }
