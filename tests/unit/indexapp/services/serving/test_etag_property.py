"""Whatever happens to a project, in whatever order: the remembered page is the true one, and its ETag names its bytes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexapp.models import File, Index, Project, Release
from indexapp.services import indexes, projects, releases
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index, upload
from tests.plugins import process_memory
from tests.wsgi_client import WsgiClient
from tpi_site.kit.errors import Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db]

NAME = "acme-tool"
JSON = "application/vnd.pypi.simple.v1+json"


def first_release(index: Index) -> Release:
    found = Release.objects.select_related("project__index").filter(project__index=index).order_by("pk").first()
    if found is None:
        raise Refusal("There is none.")
    return found


def first_file(index: Index) -> File:
    found = File.objects.select_related("release", "project__index", "index").filter(index=index).order_by("pk").first()
    if found is None:
        raise Refusal("There is none.")
    return found


def project(index: Index) -> Project:
    found = projects.find(index, NAME)
    if found is None:
        raise Refusal("There is none.")
    return found


DEEDS: dict[str, Callable[[Index], object]] = {
    "wheel 1": lambda index: upload(index, build_wheel(NAME, "1.0")),
    "wheel 2": lambda index: upload(index, build_wheel(NAME, "2.0", headers=[("Requires-Python", ">=3.12")])),
    "sdist 1": lambda index: upload(index, build_sdist(NAME, "1.0")),
    "replace 1": lambda index: upload(index, build_wheel(NAME, "1.0", files={"other.py": b"x"})),
    "yank": lambda index: releases.yank(actor=SYSTEM, release=first_release(index), reason="broken"),
    "yank for another reason": lambda index: releases.yank(actor=SYSTEM, release=first_release(index), reason="evil"),
    "unyank": lambda index: releases.unyank(actor=SYSTEM, release=first_release(index)),
    "yank file": lambda index: releases.yank_file(actor=SYSTEM, file=first_file(index)),
    "unyank file": lambda index: releases.unyank_file(actor=SYSTEM, file=first_file(index)),
    "deprecate": lambda index: projects.set_status(actor=SYSTEM, project=project(index), status="deprecated"),
    "archive": lambda index: projects.set_status(actor=SYSTEM, project=project(index), status="archived", reason="old"),
    "quarantine": lambda index: projects.set_status(actor=SYSTEM, project=project(index), status="quarantined"),
    "clear": lambda index: projects.set_status(actor=SYSTEM, project=project(index), status="active"),
    "delete file": lambda index: releases.delete_file(actor=SYSTEM, file=first_file(index)),
    "delete release": lambda index: releases.delete(actor=SYSTEM, release=first_release(index)),
    "delete project": lambda index: projects.delete(actor=SYSTEM, project=project(index)),
    "another project": lambda index: upload(index, build_wheel("another")),
    "open": lambda index: indexes.change(actor=SYSTEM, index=index, anonymous_read=True),
    "close": lambda index: indexes.change(actor=SYSTEM, index=index, anonymous_read=False),
}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(sorted(DEEDS)), min_size=1, max_size=6))
def test_pages_are_true_and_etags_name_their_bytes(cast: Cast, machine: WsgiClient, deeds: list[str]) -> None:
    index = make_index(profile="snapshot")
    process_memory.forget()  # the row was made behind the services' back
    asker = machine.signed(cast.bearer("administrator"))
    page = f"/{index.name}/simple/{NAME}/"
    asked = [
        (page, JSON),
        (page, "text/html"),
        (f"/{index.name}/simple/", JSON),
        (f"/{index.name}/pypi/{NAME}/json", ""),
    ]
    bodies: dict[str, bytes] = {}
    for deed in ["wheel 1", *deeds]:
        try:
            DEEDS[deed](Index.objects.get(pk=index.pk))
        except Refusal:
            continue
        remembered = [asker.get(url, Accept=accept) for url, accept in asked]
        process_memory.forget()
        for (url, accept), before in zip(asked, remembered, strict=True):
            fresh = asker.get(url, Accept=accept)
            assert (before.status, before.body) == (fresh.status, fresh.body)
            assert before.headers["ETag"] == fresh.headers["ETag"]
            assert before.headers["Cache-Control"] == fresh.headers["Cache-Control"]
            assert before.headers["X-PyPI-Last-Serial"] == fresh.headers["X-PyPI-Last-Serial"]
            if fresh.status == 200:
                assert bodies.setdefault(fresh.headers["ETag"], fresh.body) == fresh.body
