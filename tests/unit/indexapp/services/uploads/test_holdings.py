"""What an index is found to hold of an upload's names, and how little is asked for it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from indexapp.models import RetiredFilename
from indexapp.services import releases
from indexapp.services.uploads.holdings import Holdings, look
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_file, make_index, make_project, make_release, published, upload

pytestmark = [pytest.mark.database, pytest.mark.django_db]

WHEEL = "acme_tool-1.0-py3-none-any.whl"


def held(cast: Cast, name: str = "acme-tool", version: str = "1", filename: str = WHEEL) -> Holdings:
    return look(cast.index, name=name, canonical_version=version, filename=filename)


def test_nothing_is_held_of_unknown_names(cast: Cast) -> None:
    assert held(cast) == Holdings(None, None, None, is_name_retired=False)


def test_all_that_the_names_lead_to(cast: Cast) -> None:
    file = published(cast.index)
    found = held(cast, name="Acme.Tool")
    assert found.project == file.project
    assert (found.project.name, found.project.status, found.project.total_size) == ("acme-tool", "active", file.size)
    assert found.release_id == file.release_id
    assert found.own_file == (file.project_id, file.sha256, file.blake2b_256, file.size)
    assert not found.is_name_retired


def test_a_project_without_the_release_or_the_file(cast: Cast) -> None:
    project = published(cast.index).project
    found = held(cast, version="2", filename="acme_tool-2.0-py3-none-any.whl")
    assert (found.project, found.release_id, found.file) == (project, None, None)


def test_a_file_of_another_project_is_not_its_own(cast: Cast) -> None:
    other = make_file(make_release(make_project(cast.index, "foo-2"), "1"), "foo-2-1.zip")
    make_project(cast.index, "foo")
    found = held(cast, name="foo", version="2.post1", filename="foo-2-1.zip")
    assert found.file is not None
    assert (found.file.project_id, found.own_file) == (other.project_id, None)


def test_a_retired_name(cast: Cast) -> None:
    releases.delete_file(actor=SYSTEM, file=published(cast.index))
    assert RetiredFilename.objects.get().filename == WHEEL
    assert held(cast).is_name_retired


def test_other_indexes_do_not_count(cast: Cast) -> None:
    published(make_index("other"))
    assert held(cast) == Holdings(None, None, None, is_name_retired=False)


def test_an_upload_costs_the_same_few_statements_however_much_there_is(cast: Cast) -> None:
    actor = cast.token_actor("uploader")
    upload(cast.index, build_wheel(version="1.0"), actor=SYSTEM)
    upload(cast.index, build_wheel(version="1.1"), actor=actor)  # rights are remembered from here on
    with CaptureQueriesContext(connection) as few:
        upload(cast.index, build_wheel(version="1.2"), actor=actor)
    for number in range(30):
        upload(cast.index, build_sdist(version=f"2.{number}"), actor=SYSTEM)
    with CaptureQueriesContext(connection) as many:
        upload(cast.index, build_wheel(version="1.3"), actor=actor)
    assert len(many) == len(few) <= 20
