from __future__ import annotations

import pytest

from accounts.domain.verbs import Verb
from indexapp.models import Blob, File, Project, Release, RetiredFilename
from indexapp.services import projects, releases
from tests import evidence
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.publishing import give, published, upload

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def file(cast: Cast) -> File:
    return published(cast.index, build_wheel(headers=[("Summary", "one")]))


def test_a_yank_has_a_reason_and_goes_again(cast: Cast, file: File) -> None:
    found = evidence.collecting()
    actor, release = cast.actor("team_admin"), file.release
    releases.yank(actor=actor, release=release, reason="  broken\x1b on\nPython 3 ")
    release.refresh_from_db()
    assert (release.is_yanked, release.yank_reason) == (True, "broken on Python 3")
    releases.unyank(actor=actor, release=release)
    release.refresh_from_db()
    assert (release.is_yanked, release.yank_reason) == (False, "")
    assert found.kinds == ["release-yanked", "release-unyanked"]
    assert [(row.version, row.filename) for row in found.changes] == [("1.0", "")] * 2
    assert found.changes[0].detail == {"reason": "broken on Python 3"}


def test_one_file_is_yanked_alone(cast: Cast, file: File) -> None:
    found = evidence.collecting()
    releases.yank_file(actor=cast.actor("team_admin"), file=file, reason="wrong ABI")
    file.refresh_from_db()
    assert (file.is_yanked, file.yank_reason) == (True, "wrong ABI")
    assert not Release.objects.get(pk=file.release_id).is_yanked
    assert [(row.version, row.filename) for row in found.changes] == [("1.0", file.filename)]
    releases.unyank_file(actor=cast.actor("team_admin"), file=file)
    file.refresh_from_db()
    assert (file.is_yanked, file.yank_reason) == (False, "")


def test_a_reason_has_an_end(cast: Cast, file: File) -> None:
    actor = cast.actor("team_admin")
    with refused("reason-too-long"):
        releases.yank(actor=actor, release=file.release, reason="x" * 1001)
    with refused("reason-too-long"):
        releases.yank_file(actor=actor, file=file, reason="x" * 1001)


@pytest.mark.parametrize(
    ("verbs", "may"), [([Verb.YANK], {"yank"}), ([Verb.DELETE], {"delete"}), ([Verb.UPLOAD], set())]
)
def test_each_deed_needs_its_own_verb(cast: Cast, file: File, verbs: list[Verb], may: set[str]) -> None:
    give(cast.outsider, verbs, cast.index, file.project)
    actor = cast.actor("outsider")
    deeds = {
        "yank": lambda: releases.yank(actor=actor, release=file.release),
        "delete": lambda: releases.delete_file(actor=actor, file=file),
    }
    for deed, act in deeds.items():
        if deed in may:
            act()
            continue
        with refused("right-missing"):
            act()


def test_the_summary_is_that_of_the_latest_release_that_is_not_yanked(cast: Cast, file: File) -> None:
    newer = published(cast.index, build_wheel(version="2.0", headers=[("Summary", "two")]))
    actor = cast.actor("team_admin")

    def summary() -> str:
        return Project.objects.get(pk=file.project_id).summary

    assert summary() == "two"
    releases.yank(actor=actor, release=newer.release)
    assert summary() == "one"
    releases.unyank(actor=actor, release=newer.release)
    assert summary() == "two"
    releases.delete(actor=actor, release=newer.release)
    assert summary() == "one"


def test_a_deleted_file_leaves_its_name_refused_and_its_size_free(cast: Cast, file: File) -> None:
    sdist = published(cast.index, build_sdist())
    found = evidence.collecting()
    releases.delete_file(actor=cast.actor("team_admin"), file=file)
    assert list(File.objects.all()) == [sdist]
    assert Project.objects.get(pk=file.project_id).total_size == sdist.size
    assert RetiredFilename.objects.filter(index=cast.index, filename=file.filename).exists()
    assert Release.objects.filter(pk=file.release_id).exists()
    [change] = found.changes
    assert (change.version, change.filename, change.detail) == ("1.0", file.filename, {"sha256": file.sha256})
    with refused("filename-retired"):
        upload(cast.index, build_wheel(headers=[("Summary", "one")]))


def test_a_deleted_release_takes_its_files_along(cast: Cast, file: File) -> None:
    kept = published(cast.index, build_wheel(version="2.0"))
    sdist = published(cast.index, build_sdist())
    found = evidence.collecting()
    releases.delete(actor=cast.actor("team_admin"), release=file.release)
    assert list(File.objects.all()) == [kept]
    assert Project.objects.get(pk=file.project_id).total_size == kept.size
    assert sorted(found.changes[0].detail["files"]) == sorted([file.filename, sdist.filename])
    assert RetiredFilename.objects.count() == 2


def test_the_version_of_a_deleted_release_comes_back_with_a_new_file_name(cast: Cast, file: File) -> None:
    releases.delete(actor=cast.actor("team_admin"), release=file.release)
    upload(cast.index, build_wheel(build="2"))
    assert Release.objects.get().version == "1.0"


@pytest.mark.parametrize("deed", ["yank", "unyank", "delete"])
@pytest.mark.parametrize("what", ["file", "release", "project"])
def test_what_is_gone_meanwhile_is_not_brought_back(cast: Cast, file: File, deed: str, what: str) -> None:
    actor = cast.actor("administrator")
    stale = File.objects.select_related("release__project__index", "project", "index").get(pk=file.pk)
    match what:
        case "file":
            releases.delete_file(actor=actor, file=file)
        case "release":
            releases.delete(actor=actor, release=file.release)
        case "project":
            projects.delete(actor=actor, project=file.project)
    on_file = {"yank": releases.yank_file, "unyank": releases.unyank_file, "delete": releases.delete_file}[deed]
    with refused("not-found"):
        on_file(actor=actor, file=stale)
    if what == "file":
        return
    on_release = {"yank": releases.yank, "unyank": releases.unyank, "delete": releases.delete}[deed]
    with refused("not-found"):
        on_release(actor=actor, release=stale.release)


def test_the_rows_of_shared_bytes_stay_as_long_as_anybody_needs_them(cast: Cast, file: File) -> None:
    blob = file.blob
    releases.delete_file(actor=cast.actor("administrator"), file=file)
    assert Blob.objects.filter(pk=blob.pk).exists()
