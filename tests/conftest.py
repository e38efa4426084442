"""What every test may use: a clean process, a storage of its own, the cast, and clients that sign in as one of it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection

from indexapp.models import Index
from indexapp.views.machine.wsgi import MachineReads
from tests.factories.cast import Cast
from tests.factories.publishing import make_index
from tests.plugins import own_threads, process_memory, run_folder
from tests.plugins.append_only import _emptying_passes_triggers  # noqa: F401  a fixture
from tests.wsgi_client import WsgiClient
from tpi_site.kit.keys import places

pytest_plugins = ["tests.servers.directories", "tests.plugins.order"]

hypothesis.settings.register_profile("tpi", deadline=None, derandomize="CI" in os.environ, print_blob=True)
hypothesis.settings.load_profile("tpi")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """On SQLite take a file, one for each process: WAL, locks and the watch on the file are part of what is tested."""
    database = django_settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        database["TEST"]["NAME"] = str(run_folder.current() / f"{worker}.sqlite3")


@pytest.fixture(autouse=True)
def _clean_process(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever touches the database gets an empty storage, and finds nothing that another test left in memory."""
    if not _touches_database(request):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(places, "_requirements", [])  # which ask the database
            yield
        return
    settings = request.getfixturevalue("settings")
    folder: Path = request.getfixturevalue("tmp_path")
    settings.TPI_STORAGE_URL = f"file://{folder / 'files'}"
    process_memory.forget()
    yield
    if not connection.in_atomic_block:  # else some may wait for what the test has locked
        own_threads.await_end()
    process_memory.forget()


@pytest.fixture(scope="session", autouse=True)
def _threads_are_noted() -> Iterator[None]:
    with own_threads.noted():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None]:
    """Nothing that a test has begun goes on into the next one."""
    try:
        return (yield)
    finally:
        if own_threads.await_end():
            process_memory.forget()


def _touches_database(request: pytest.FixtureRequest) -> bool:
    fixtures = {"db", "transactional_db", "live_server"} & set(request.fixturenames)
    return bool(fixtures) or request.node.get_closest_marker("django_db") is not None


@pytest.fixture
def storage_folder(db: None, tmp_path: Path) -> Path:
    """Where the blobs of this test are."""
    return tmp_path / "files"


@pytest.fixture
def main(db: None) -> Index:
    """The default index: hosted and private."""
    return make_index("main", is_default=True)


@pytest.fixture
def cast(main: Index) -> Cast:
    """Everyone who plays a part, with their rights on the default index."""
    return Cast(main)


@pytest.fixture
def machine(db: None) -> WsgiClient:
    """The whole application as the server runs it, the fast path in front of Django."""
    return WsgiClient(MachineReads(WSGIHandler()))


@pytest.fixture
def told_all(settings: Any) -> None:
    """The tests' clients are where ``/readyz`` tells of its parts and ``/metrics`` asks for no token."""
    settings.TPI_METRICS_NETWORKS = ["192.0.2.0/24"]


@pytest.fixture
def plain_django(db: None) -> WsgiClient:
    """The application without the fast path."""
    return WsgiClient(WSGIHandler())
