"""A client of the REST API for each person of the cast."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from indexapp.models import Index
from tests.api.rest import Rest
from tests.factories.cast import Cast
from tests.factories.publishing import make_file, make_project, make_release
from tests.wsgi_client import WsgiClient

AsPerson = Callable[[str], Rest]


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Keep the test's transaction open over requests, as Django's own test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def rest(machine: WsgiClient, cast: Cast) -> AsPerson:
    """The API as a person of the cast uses it, with an unbounded token; nobody without one."""
    return lambda role: Rest(machine.signed(cast.bearer(role)))


@pytest.fixture
def by_password(machine: WsgiClient, cast: Cast) -> AsPerson:
    """The API as a person of the cast uses it with their password, for what no token does."""
    return lambda role: Rest(machine.signed(cast.basic(role)))


@pytest.fixture
def acme(main: Index) -> Index:
    """The default index with the project acme-tool: releases 1.0 (two files) and 1.1 (one)."""
    project = make_project(main, "Acme.Tool", summary="Tools of acme")
    old, new = make_release(project, "1.0"), make_release(project, "1.1")
    make_file(old)
    make_file(old, "acme_tool-1.0.tar.gz")
    make_file(new)
    return main
