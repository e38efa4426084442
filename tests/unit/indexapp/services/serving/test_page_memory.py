"""The memory of project pages stays within its bounds."""

from __future__ import annotations

from typing import Any

import pytest

from indexapp.services.serving import index_map, project_pages, watermarks
from tests.factories.cast import Cast
from tests.factories.publishing import make_project

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_pages_of_which_nobody_asked_a_document_count_too(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TPI_PAGE_CACHE_MB = 1
    monkeypatch.setattr(project_pages, "_OVERHEAD", 2**19)
    names = [make_project(cast.index, f"thing{'abcd'[number]}").normalized_name for number in range(4)]
    watermark = watermarks.read()
    index = index_map.read(watermark).by_name[cast.index.name]
    for name in names:
        assert project_pages.find(index, name, watermark) is not None
    assert [name for _, name, _ in project_pages._pages] == names[2:]


def test_a_page_that_is_asked_for_again_outlives_those_that_are_not(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TPI_PAGE_CACHE_MB = 1
    monkeypatch.setattr(project_pages, "_OVERHEAD", 2**18)
    names = [make_project(cast.index, f"thing{letter}").normalized_name for letter in "abcdefghij"]
    watermark = watermarks.read()
    index = index_map.read(watermark).by_name[cast.index.name]
    wanted = project_pages.find(index, names[0], watermark)
    for name in names[1:]:
        assert project_pages.find(index, names[0], watermark) is wanted
        project_pages.find(index, name, watermark)
    assert {name for _, name, _ in project_pages._pages} == {names[0], *names[-3:]}
    for name in names[1:]:
        project_pages.find(index, name, watermark)
    assert names[0] not in {name for _, name, _ in project_pages._pages}
