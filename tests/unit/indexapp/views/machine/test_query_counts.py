"""What installers and uploads ask of the database: exact numbers, kept in ``tests/query_counts.json``.

On SQLite a warm read costs nothing, because the file's own counter tells that nobody committed; elsewhere it is one query.
Whoever changes a number changes the file, and says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from indexapp.models import Project
from indexapp.services import projects
from indexapp.storage import default_storage
from tests.builders.core_metadata import Built
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_file, make_index, multipart, published, upload
from tests.plugins import process_memory
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

RECORDED = json.loads((Path(__file__).parents[4] / "query_counts.json").read_text())
MOST_OF_A_WARM_READ = 3
MANY = 50


def _count(act: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        act()
    return len(queries)


def _reads(cast: Cast, machine: WsgiClient) -> dict[str, int]:
    file = published(cast.index, build_wheel(version="3.0"))
    path = f"/main/files/{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"
    urls = {"page": "/simple/acme-tool/", "root": "/simple/", "file": path, "json": "/main/pypi/acme-tool/json"}
    token, password = machine.signed(cast.bearer("reader")), machine.signed(cast.basic("reader"))

    def ask(name: str, client: WsgiClient = token) -> int:
        return _count(lambda: client.get(urls[name]))

    counts = {}
    for name in urls:
        process_memory.forget()
        token.get("/livez")
        counts[f"{name}, first of the process"] = ask(name)
        counts[f"{name}, warm"] = ask(name)
        upload(cast.index, build_wheel(f"other-{name}"))
        counts[f"{name}, something else was published"] = ask(name)
        assert ask(name) == counts[f"{name}, warm"]
    upload(cast.index, build_sdist(version="3.0"))
    counts["page, the project has changed"] = ask("page")
    password.get(urls["page"])
    counts["page, warm, by password"] = ask("page", password)
    counts["page, by nobody"] = ask("page", machine)
    return counts


def _posting(client: WsgiClient, built: Built, status: int) -> int:
    body, content_type = multipart(built)

    def post() -> None:
        assert client.post("/legacy/", body, Content_Type=content_type).status == status

    return _count(post)


def _uploads(cast: Cast, machine: WsgiClient) -> dict[str, int]:
    client = machine.signed(cast.bearer("uploader"))
    client.get("/simple/")
    refused = build_wheel(files={"other.py": b""})
    return {
        "upload, new project": _posting(client, build_wheel(), 200),
        "upload, new release": _posting(client, build_wheel(version="2.0"), 200),
        "upload, second file of a release": _posting(client, build_wheel(version="2.0", build="1"), 200),
        "upload, sdist": _posting(client, build_sdist(version="2.0"), 200),
        "upload, the same again": _posting(client, build_wheel(), 200),
        "upload, file exists": _posting(client, refused, 400),
        "upload, by nobody": _posting(machine, build_wheel(), 401),
    }


def test_reads_and_uploads_cost_what_is_recorded(cast: Cast, machine: WsgiClient, settings: Any) -> None:
    settings.TPI_TRASH_DAYS = 0
    default_storage().object_name("0" * 64)  # the first use of the key ring in a process looks whose it is
    counts = _uploads(cast, machine)
    for project in Project.objects.all():
        projects.delete(actor=SYSTEM, project=project)
    counts |= _reads(cast, machine)
    assert counts == RECORDED[connection.vendor]


def test_a_warm_read_asks_little() -> None:
    for counts in RECORDED.values():
        warm = [what for what in counts if ", warm" in what and not what.startswith("json")]
        assert len(warm) == 4
        assert all(counts[what] <= MOST_OF_A_WARM_READ for what in warm)


def test_nothing_grows_with_the_project(cast: Cast, machine: WsgiClient) -> None:
    """A cold page, a file and an upload cost the same for 1 file and for 50."""
    small, large = published(cast.index, build_wheel("small")), published(cast.index, build_wheel("large"))
    for number in range(MANY):
        make_file(large.release, f"large-1.0-{number + 1}-py3-none-any.whl")
        make_index(f"index-{number}")
    uploader = machine.signed(cast.bearer("uploader"))

    def cold(url: str) -> int:
        process_memory.forget()
        return _count(lambda: uploader.get(url))

    for file in (small, large):
        uploader.get(f"/simple/{file.project.normalized_name}/")
    assert cold("/simple/small/") == cold("/simple/large/")
    assert cold("/main/pypi/small/json") == cold("/main/pypi/large/json")
    for version in ("2.0", "3.0"):  # the first round fills the memory of rights
        costs = [_posting(uploader, build_wheel(file.project.name, version), 200) for file in (small, large)]
    assert costs[0] == costs[1]
