"""Digests are the same whatever stretches they were read in."""

from __future__ import annotations

import pytest

from indexapp.domain.replication.trees import CHUNK
from indexapp.models import Project
from indexapp.services.replication import trees
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import make_project, published

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def projects(cast: Cast) -> list[int]:
    """Of several chunks; some have files."""
    for number in range(3):
        published(cast.index, build_wheel(f"acme-{number}"))
    names = [make_project(cast.index, f"other-{number}") for number in range(2 * CHUNK)]
    Project.objects.filter(pk=names[CHUNK].pk).delete()
    published(cast.index, build_wheel("last"))
    return list(Project.objects.order_by("pk").values_list("pk", flat=True))


def test_pages_are_of_whole_chunks(projects: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trees.page(0)
    assert whole.next is None
    assert sum(chunk.projects for chunk in whole.chunks) == len(projects)
    assert (sum(chunk.files for chunk in whole.chunks), sum(chunk.contents_held for chunk in whole.chunks)) == (4, 8)
    monkeypatch.setattr(trees, "_STRETCH", CHUNK)
    assert trees.page(0) == whole
    monkeypatch.setattr(trees, "_MOST_FILES", 1)
    found, first = [], 0
    while first is not None:
        page = trees.page(first)
        found += page.chunks
        assert page.next is None or page.next == page.chunks[-1].number + 1
        first = page.next
    assert found == whole.chunks
    assert trees.chunks([chunk.number for chunk in whole.chunks]) == whole.chunks
    assert trees.chunks([10**6]) == []


def test_versions_are_those_of_the_chunks(projects: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {chunk.number: chunk.version for chunk in trees.page(0).chunks}
    assert trees.versions(0) == (whole, None)
    monkeypatch.setattr(trees, "_MOST_VERSIONS", CHUNK + 1)
    found: dict[int, str] = {}
    first: int | None = 0
    while first is not None:
        part, first = trees.versions(first)
        found |= part
    assert found == whole


def test_a_chunk_is_looked_into(projects: list[int]) -> None:
    number = projects[0] // CHUNK
    digests = trees.of_chunk(number)
    assert list(digests) == [key for key in projects if key // CHUNK == number]
    for key, pair in digests.items():
        document = trees.document(key)
        assert document is not None
        assert pair == (document.digest.hex(), document.held_digest.hex())
