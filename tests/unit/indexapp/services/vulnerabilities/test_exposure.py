from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.domain.verbs import Verb
from indexapp.models import Index, MirroredFile
from indexapp.services import downloads
from indexapp.services.vulnerabilities import exposure, usage
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import give, make_file, make_index, make_project, make_release
from tests.factories.vulnerabilities import MEDIUM, affected, make_advisory

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> None:
    settings.TPI_DATA_DIR = tmp_path


def _exposed(actor: Any, **more: Any) -> list[tuple[str, str, str]]:
    rows = exposure.walked(exposure.candidates(actor), **more)
    return [(one.index, one.project, one.version) for found in rows for one in found]


@pytest.fixture
def held(cast: Cast) -> Cast:
    """``acme-tool`` 1.0 and 2.0 in two indexes, of which the cast knows one, and a project of which nothing is known."""
    for index in (cast.index, make_index("theirs")):
        project = make_project(index, "Acme.Tool")
        make_file(make_release(project, "1.0"))
        make_release(project, "2.0")
    make_release(make_project(cast.index, "quiet"), "1.0")
    make_advisory()
    return cast


def test_what_is_exposed_is_what_one_may_see(held: Cast) -> None:
    assert _exposed(held.actor("reader")) == [("main", "acme-tool", "1.0")]
    assert _exposed(held.actor("administrator")) == [("main", "acme-tool", "1.0"), ("theirs", "acme-tool", "1.0")]
    assert _exposed(held.actor("security_officer")) == _exposed(SYSTEM)
    for role in ("anonymous", "outsider", "operator"):
        assert _exposed(held.actor(role)) == []


def test_a_right_on_one_project_shows_that_project(held: Cast) -> None:
    other = make_project(held.index, "other")
    make_release(other, "1.0")
    make_advisory("PYSEC-2026-2", affected("other"))
    give(held.outsider, [Verb.READ], held.index, other)
    assert _exposed(held.actor("outsider")) == [("main", "other", "1.0")]


def test_it_follows_the_data(held: Cast) -> None:
    make_advisory("PYSEC-2026-1", affected(fixed="3"), modified="2026-03-01T00:00:00Z")
    assert [version for _, _, version in _exposed(held.actor("reader"))] == ["1.0", "2.0"]
    make_advisory("PYSEC-2026-1", modified="2026-04-01T00:00:00Z", withdrawn="2026-04-01T00:00:00Z")
    assert _exposed(held.actor("reader")) == []


def test_by_severity(held: Cast) -> None:
    medium = make_project(held.index, "medium")
    make_release(medium, "1.0")
    make_advisory("PYSEC-2026-2", affected("medium"), severity=[{"type": "CVSS_V3", "score": MEDIUM}])
    unknown = make_project(held.index, "unknown")
    make_release(unknown, "1.0")
    make_advisory("PYSEC-2026-3", affected("unknown"), severity=None)
    found = exposure.overview(held.actor("reader"), most=2)
    assert found.total == 3
    assert {word: number for word, number in found.counts.items() if number} == {
        "critical": 1,
        "medium": 1,
        "unknown": 1,
    }
    assert [(one.project, one.severity) for one in found.worst] == [("acme-tool", "critical"), ("medium", "medium")]
    assert [name for _, name, _ in _exposed(held.actor("reader"), least=4.0)] == ["acme-tool", "medium"]
    assert [name for _, name, _ in _exposed(held.actor("reader"), least=7.0)] == ["acme-tool"]


def test_many_releases_are_walked_in_parts(held: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure, "_AT_ONCE", 1)
    assert len(_exposed(SYSTEM)) == 2


def test_when_it_was_used_last_as_far_as_is_known(held: Cast) -> None:
    filename = "acme_tool-1.0-py3-none-any.whl"
    assert exposure.overview(SYSTEM, most=1).worst[0].last_used is None
    before = timezone.now()
    for name in (filename, "another.whl"):
        downloads.note(
            actor=SYSTEM, index="all", project="acme-tool", filename=name, status=200, address="", request_id=""
        )
    downloads.write()
    with next(downloads.folder().iterdir()).open("a") as file:
        file.write(json.dumps({"dropped": 3}) + "\n{half a li")
    used = exposure.overview(SYSTEM, most=1).worst[0].last_used
    assert used is not None
    assert used >= before
    assert usage.last_downloads()["acme-tool", filename] == used


def test_of_a_mirror_what_was_fetched_counts(held: Cast) -> None:
    project = make_project(make_index("outside", kind=Index.Kind.MIRROR), "acme-tool")
    for version, moment in (("1.0", timezone.now()), ("1.1", None)):
        file = make_file(make_release(project, version))
        MirroredFile.objects.create(file=file, url="https://upstream.example/", fetched_at=moment, last_used_at=moment)
    found = [one for one in exposure.overview(SYSTEM, most=9).worst if one.index == "outside"]
    assert [(one.version, one.last_used is not None) for one in found] == [("1.0", True)]


def test_without_a_download_log_nothing_is_known(held: Cast, settings: Any) -> None:
    settings.TPI_DOWNLOAD_LOG = False
    assert usage.last_downloads() == {}
