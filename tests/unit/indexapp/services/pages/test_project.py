from __future__ import annotations

import pytest

from accounts.domain.verbs import Verb
from indexapp.models import Description, File, Release
from indexapp.services import releases
from indexapp.services.pages import access
from indexapp.services.pages import project as project_page
from indexapp.services.pages.project import ProjectView, load
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import give, make_file, make_group, make_index, make_project, make_release, upload
from tpi_site.kit.errors import NotFound

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def _view(cast: Cast, role: str = "reader", *, index: str = "main", whole: bool = False, **version: str) -> ProjectView:
    actor = cast.actor(role)
    opened = access.open_project(actor, index, "acme-tool")
    return load(opened, actor, version=version.get("version"), whole=whole)


def test_an_upload_is_shown_with_what_its_metadata_says(cast: Cast) -> None:
    headers = [
        ("Summary", "A tool"),
        ("Requires-Python", ">=3.9"),
        ("License-Expression", "MIT"),
        ("Requires-Dist", "other>=1"),
        ("Requires-Dist", "secret; extra == 'more'"),
        ("Provides-Extra", "more"),
        ("Project-URL", "Docs, https://docs.example/"),
        ("Project-URL", "Evil, javascript:alert(1)"),
        ("Description-Content-Type", "text/markdown"),
    ]
    upload(cast.index, build_wheel(headers=headers, description="# Hello"))
    make_project(cast.index, "other")
    make_project(make_index("elsewhere"), "secret")

    view = _view(cast)

    assert view.release is not None
    assert (view.release.version, view.metadata.summary, view.license) == ("1.0", "A tool", "MIT")
    assert ">Hello</h3>" in view.description
    assert [link.label for link in view.links] == ["Docs"]
    assert [group.extra for group in view.requirements] == ["", "more"]
    assert view.linked == {"other"}, "only what this index has and the reader may see"
    (file,) = view.files
    assert file.words == "Python 3 · any platform"
    assert file.path == f"{file.row.sha256[:2]}/{file.row.sha256[2:4]}/{file.row.sha256[4:]}/{file.row.filename}"


def test_the_latest_is_what_an_installer_would_take(cast: Cast) -> None:
    project = make_project(cast.index, "acme-tool")
    for version in ("1.0", "1.1", "2.0a1"):
        make_release(project, version)
    make_release(project, "3.0", is_yanked=True)

    view = _view(cast)

    assert view.release is not None
    assert (view.release.version, view.newer) == ("1.1", "")
    assert [release.row.version for release in view.releases] == ["3.0", "2.0a1", "1.1", "1.0"]


@pytest.mark.parametrize("spelling", ["1.0", "1", "v1.0.0"])
def test_a_version_is_found_in_every_spelling(cast: Cast, spelling: str) -> None:
    project = make_project(cast.index, "acme-tool")
    make_release(project, "1.0")
    make_release(project, "1.1")

    view = _view(cast, version=spelling)

    assert view.release is not None
    assert (view.release.version, view.newer) == ("1.0", "1.1")


@pytest.mark.parametrize("version", ["2.0", "nonsense", "\x00", "1" * 500])
def test_a_version_that_is_not_there_is_said_to_readers(cast: Cast, version: str) -> None:
    make_release(make_project(cast.index, "acme-tool"), "1.0")

    with pytest.raises(NotFound):
        _view(cast, version=version)


def test_a_project_without_releases_has_a_page(cast: Cast) -> None:
    make_project(cast.index, "acme-tool")

    view = _view(cast)

    assert (view.release, view.files, view.releases, view.requirements) == (None, [], [], [])


def test_a_mark_on_the_release_marks_its_files(cast: Cast) -> None:
    release = make_release(make_project(cast.index, "acme-tool"), "1.0")
    make_file(release, "acme_tool-1.0-py3-none-any.whl")
    make_file(release, "acme_tool-1.0.tar.gz")
    releases.yank_file(actor=SYSTEM, file=File.objects.get(kind="sdist"), reason="no docs")

    sdist, wheel = _view(cast).files
    assert (sdist.is_yanked, sdist.yank_reason, wheel.is_yanked) == (True, "no docs", False)

    releases.yank(actor=SYSTEM, release=Release.objects.get(), reason="broken")
    sdist, wheel = _view(cast).files
    assert (sdist.yank_reason, wheel.is_yanked, wheel.yank_reason) == ("no docs", True, "broken")


def test_long_lists_are_cut_until_the_whole_is_asked_for(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_page, "RELEASES_SHOWN", 2)
    monkeypatch.setattr(project_page, "FILES_SHOWN", 1)
    project = make_project(cast.index, "acme-tool")
    for version in ("1.0", "1.1", "1.2"):
        latest = make_release(project, version)
    make_file(latest, "acme_tool-1.2-py3-none-any.whl")
    make_file(latest, "acme_tool-1.2.tar.gz")

    short, whole = _view(cast), _view(cast, whole=True)

    assert (len(short.releases), short.releases_cut, len(short.files), short.files_cut) == (2, True, 1, True)
    assert (len(whole.releases), whole.releases_cut, len(whole.files), whole.files_cut) == (3, False, 2, False)


def test_maintainers_are_shown_to_those_who_administer(cast: Cast) -> None:
    project = make_project(cast.index, "acme-tool")
    make_release(project)
    give(cast.outsider, [Verb.ADMINISTER], cast.index, project)

    assert _view(cast, "reader").maintainers is None
    names = {(one.name, one.is_team, one.is_inherited) for one in _view(cast, "team_admin").maintainers or []}
    assert names == {
        ("tools", True, True),
        ("team_admin", False, True),
        ("uploader", False, True),
        ("reader", False, True),
        ("outsider", False, False),
    }
    own = _view(cast, "outsider").maintainers
    assert own is not None
    assert [(one.name, one.is_inherited) for one in own] == [("outsider", False)], (
        "the index's roles are not theirs to see"
    )


def test_a_group_shows_the_project_of_the_member_that_decides(cast: Cast) -> None:
    second = make_index("second")
    for index, version in ((cast.index, "1.0"), (second, "9.0")):
        make_release(make_project(index, "acme-tool"), version)
    make_group("both", cast.index, second)

    view = _view(cast, index="both")

    assert view.release is not None
    assert (view.release.version, view.project.index.name) == ("1.0", "main")


def test_a_description_is_plain_where_the_author_gave_none(cast: Cast) -> None:
    release = make_release(make_project(cast.index, "acme-tool"))
    Description.objects.create(release=release, content_type="text/plain", raw="<b>")

    assert "&lt;b&gt;" in _view(cast).description


def test_of_very_long_requirements_only_the_first_are_read(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_page, "_REQUIREMENTS_LENGTH", 20)
    headers = [("Requires-Dist", name) for name in ("first>=1.0", "second>=2", "third")]
    upload(cast.index, build_wheel(headers=headers))

    [group] = _view(cast).requirements

    assert [one.name for one in group.requirements] == ["first", "second"]
