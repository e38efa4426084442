"""Every address has a row in the matrix, and every row an address."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.views.generic import RedirectView
from drf_spectacular.generators import SchemaGenerator

from tests.access import matrix
from tpi_site.kit.admin import Screen


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
