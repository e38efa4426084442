from __future__ import annotations

import random
from typing import Any

import pytest
from packaging.version import Version

from indexapp.models import Project, Release
from indexapp.services import summaries
from tests.factories.cast import Cast
from tests.factories.publishing import make_project, make_release

pytestmark = [pytest.mark.database, pytest.mark.django_db]

VERSIONS = [
    "0.9",
    "1.0.dev1",
    "1.0a1",
    "1.0b2.post1",
    "1.0rc1",
    "1.0",
    "1.0+local.1",
    "1.0.post1",
    "1.10",
    "2!0.1",
    "10.0",
]


def test_the_database_sorts_versions_as_the_standard_does(cast: Cast) -> None:
    project = make_project(cast.index, "acme")
    for version in random.Random(7).sample(VERSIONS, len(VERSIONS)):
        make_release(project, version)
    stored = Release.objects.filter(project=project).order_by("sort_key").values_list("version", flat=True)
    assert list(stored) == sorted(VERSIONS, key=Version)


@pytest.mark.parametrize(
    ("versions", "latest"),
    [
        ({"1.0": {}, "2.0": {}}, "2.0"),
        ({"1.9": {}, "1.10": {}}, "1.10"),
        ({"1.0": {}, "2.0a1": {}}, "1.0"),
        ({"1.0a1": {}, "1.0a2": {}}, "1.0a2"),
        ({"1.0": {}, "2.0": {"is_yanked": True}}, "1.0"),
        ({"1.0a1": {}, "2.0": {"is_yanked": True}}, "1.0a1"),
        ({"1.0": {"is_yanked": True}, "2.0": {"is_yanked": True}}, "2.0"),
    ],
)
def test_the_latest_release_is_what_an_installer_would_take(
    cast: Cast, versions: dict[str, dict[str, Any]], latest: str
) -> None:
    project = make_project(cast.index, "acme")
    for version, values in versions.items():
        make_release(project, version, summary=f"about {version}", **values)
    found = summaries.latest_release(project)
    assert found is not None
    assert found.version == latest
    summaries.refresh(project)
    assert Project.objects.get(pk=project.pk).summary == f"about {latest}"


def test_a_project_without_releases_says_nothing(cast: Cast) -> None:
    project = make_project(cast.index, "acme", summary="old")
    assert summaries.latest_release(project) is None
    summaries.refresh(project)
    assert Project.objects.get(pk=project.pk).summary == ""
