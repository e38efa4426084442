"""A page costs the same number of queries for few rows and for many; the numbers are the promise.

Of each number three are the session, in Django's row and in ours, and its account, two ask whether to link the console,
and one reads the watermark, which costs no query where the database is a file.
"""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.domain.verbs import Verb
from indexapp.models import Project
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import make_user
from tests.factories.publishing import give, make_file, make_group, make_index, make_project, make_release, upload
from tests.plugins import process_memory
from tests.unit.indexapp.views.browse.conftest import As

pytestmark = pytest.mark.django_db
WARM = {
    "/": 10,
    "/search/?q=acme": 11,
    "/search/?q=acme&index=main": 13,
    "/main/": 11,
    "/group/": 12,
    "/main/project/acme-tool/": 11,
    "/main/project/acme-tool/1.0/": 12,
    "/group/project/acme-tool/": 11,
    "/help/clients/": 8,
    "/account/tokens/": 7,
    "/account/tokens/new/": 8,
    "/account/profile/": 8,
}


def _grow(cast: Cast) -> None:
    """Twenty more of everything that is listed."""
    acme = Project.objects.get(normalized_name="acme-tool")
    for number in range(20):
        make_release(make_project(cast.index, f"acme-{number}", summary="acme"))
        make_release(acme, f"0.{number}")
        make_file(acme.releases.get(version="1.0"), f"acme_tool-1.0-{number + 1}-py3-none-any.whl")
        give(make_user(), [Verb.READ], cast.index, acme)
        give(cast.reader, [Verb.READ], make_index(f"more-{number}"))
        cast.token("reader")


def _count(client: object, page: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(page).status_code == 200, page  # type: ignore[attr-defined]
    return len(queries)


@pytest.mark.parametrize("page", list(WARM))
def test_the_cost_does_not_grow(cast: Cast, browser: As, page: str) -> None:
    headers = [("Requires-Dist", f"acme-{number}") for number in range(20)]
    upload(cast.index, build_wheel(headers=headers))
    make_group("group", cast.index, make_index("second"))
    client = browser("reader")
    client.get(page)
    before = _count(client, page)
    _grow(cast)
    process_memory.forget()
    client.get(page)

    assert (before, _count(client, page)) == (WARM[page], WARM[page])
