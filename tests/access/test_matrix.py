from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse
from django.utils import timezone
from django.views.generic import RedirectView
from drf_spectacular.generators import SchemaGenerator

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, AuditSink, DirectorySync, Token
from accounts.services import alarms, service_accounts
from indexapp.models import Project
from indexapp.services import roles
from tests.access import matrix
from tests.factories.cast import Cast
from tests.factories.directories import map_group, silent_directory
from tests.factories.people import join, make_token, make_user
from tests.factories.publishing import give, published
from tests.plugins import process_memory
from tests.wsgi_client import WsgiClient

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


def _is_console(route: str) -> bool:
    return route.startswith("admin:") and route != "admin:index"


def _console_screen(route: str) -> str:
    return route.removeprefix("admin:").rpartition("_")[0]


def _unknown(route: str) -> bool:
    if _is_console(route):
        return route.removeprefix("admin:") not in matrix.CONSOLE_OWN and _console_screen(route) not in matrix.CONSOLE
    return route not in matrix.MACHINE and route not in matrix.PAGES and route not in matrix.POSTED_PAGES


def test_every_route_has_a_row() -> None:
    assert [route for route in ROUTES if _unknown(route)] == []


def _patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    """Every pattern outside the console, whose own catch-alls answer nothing by themselves."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield pattern
        elif pattern.namespace != "admin":
            yield from _patterns(pattern)


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


def test_every_row_has_a_route() -> None:
    screens = {_console_screen(route) for route in ROUTES if _is_console(route)}
    rows = {*matrix.MACHINE, *matrix.PAGES, *matrix.POSTED_PAGES}
    assert sorted(rows - set(ROUTES)) == []
    assert sorted(set(matrix.CONSOLE) - screens) == []


@pytest.fixture
def scene(cast: Cast) -> dict[str, Any]:
    """A published project and one row of everything that an address may name."""
    file = published(cast.index)
    # Whatever an auditor is granted besides must make no difference.
    give(cast.auditor, [Verb.ADMINISTER], cast.index)
    join(cast.auditor, cast.team, role="admin")
    bystander = make_user("bystander")
    role = give(bystander, [Verb.READ], cast.index)
    token, _ = make_token(bystander, [Verb.READ])
    service_accounts.create(actor=cast.actor("administrator"), team=cast.team, name="svc-build")
    prefix = roles.reserve_prefix(actor=cast.actor("administrator"), team=cast.team, prefix="acme", index=cast.index)
    directory = silent_directory()
    digest = file.sha256
    return {
        "filename": file.filename,
        "path": f"{digest[:2]}/{digest[2:4]}/{digest[4:]}/{file.filename}",
        "role": role.pk,
        "token": Token.objects.get(pk=token.pk).pk,
        "prefix": prefix.pk,
        "mapping": map_group(directory, "cn=ops,dc=tpi", cast.team).pk,
        "sync": DirectorySync.objects.create(directory=directory, state="done", moved_at=timezone.now()).pk,
        "alarm": alarms.ring("test", "Something needs a person.").pk,
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
            if not _is_right(status, role in who, role, row.denied):
                wrong.append(f"{method} {address} by {role}: {status}")
    assert wrong == []


def _is_right(status: int, may: bool, role: str, denied: int) -> bool:
    if may:
        return status not in (401, 403) and status < 500
    return status == 401 if role == "anonymous" else status in {403, denied}


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


@pytest.mark.parametrize("screen", sorted(matrix.CONSOLE))
def test_console_screen_opens_for_whom_its_row_names(screen: str, cast: Cast, scene: dict[str, Any]) -> None:
    address = reverse(f"admin:{screen}_changelist")
    wrong = []
    for role in sorted(matrix.EVERYBODY):
        status, location = _browse(role, cast, address)
        may = role in matrix.CONSOLE[screen]
        if not (_sees(status, location) if may else _is_turned_away(role, status, location)):
            wrong.append(f"{address} by {role}: {status} {location}")
    assert wrong == []


def test_the_scene_is_what_the_rows_speak_of(cast: Cast, scene: dict[str, Any]) -> None:
    assert Project.objects.filter(index=cast.index, normalized_name="acme-tool").exists()
