"""RSS feeds: what is new in an index and in a project, to who may read it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from accounts.domain.verbs import Verb
from indexapp.models import Index, Project, Release
from indexapp.services import projects
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.policies import make_rule
from tests.factories.publishing import give, make_group, make_index, published, upload
from tests.wsgi_client import Answer, WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db]
UPDATES, PACKAGES, RELEASES = "/rss/updates.xml", "/rss/packages.xml", "/rss/project/acme-tool/releases.xml"


def titles(client: WsgiClient, path: str) -> list[str]:
    answer = client.get(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    return [str(item.findtext("title")) for item in ET.fromstring(answer.body).iter("item")]


@pytest.fixture
def reader(cast: Cast, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.bearer("reader"))


def _publish(index: Index) -> None:
    """Three releases of two projects."""
    for built in (
        build_wheel(version="1.0"),
        build_wheel("other"),
        build_wheel(version="2.0"),
        build_sdist(version="2.0"),
    ):
        upload(index, built)


@pytest.mark.parametrize("below", ["", "/main", "/all"])
def test_the_three_feeds(cast: Cast, reader: WsgiClient, below: str) -> None:
    make_group("all", cast.index)
    _publish(cast.index)
    assert titles(reader, f"{below}{UPDATES}") == ["acme-tool 2.0", "other 1.0", "acme-tool 1.0"]
    assert titles(reader, f"{below}{PACKAGES}") == ["other", "acme-tool"]
    assert titles(reader, f"{below}{RELEASES}") == ["acme-tool 2.0", "acme-tool 1.0"]


def test_what_an_entry_says(cast: Cast, reader: WsgiClient) -> None:
    upload(cast.index)
    Release.objects.update(summary="A <tool> \x0b & more")
    item = next(ET.fromstring(reader.get(UPDATES).body).iter("item"))
    address = "http://tpi.example/main/project/acme-tool/1.0/"
    assert [item.findtext(name) for name in ("title", "link", "guid")] == ["acme-tool 1.0", address, address]
    assert item.findtext("description") == "A <tool>  & more"
    assert str(item.findtext("pubDate")).endswith(" GMT")
    project = next(ET.fromstring(reader.get(PACKAGES).body).iter("item"))
    assert project.findtext("link") == "http://tpi.example/main/project/acme-tool/"


@pytest.mark.parametrize("path", [UPDATES, PACKAGES, RELEASES])
def test_an_unchanged_feed_is_not_sent_again(cast: Cast, reader: WsgiClient, path: str) -> None:
    upload(cast.index)
    first = reader.get(path)
    assert first.headers["Cache-Control"].startswith("private")
    assert "Authorization" in first.headers["Vary"]
    assert reader.head(path).headers["ETag"] == first.headers["ETag"]
    assert reader.get(path, if_none_match=first.headers["ETag"]).status == 304
    upload(cast.index, build_wheel(version="2.0"))
    upload(cast.index, build_wheel("another"))
    again = reader.get(path, if_none_match=first.headers["ETag"])
    assert (again.status, again.headers["ETag"] == first.headers["ETag"]) == (200, False)


def test_a_public_index_is_read_and_kept_by_everybody(machine: WsgiClient) -> None:
    upload(make_index("open", anonymous_read=True))
    for path in (UPDATES, PACKAGES, RELEASES):
        answer = machine.get(f"/open{path}")
        assert (answer.status, answer.headers["Cache-Control"].split(",")[0]) == (200, "public")


class TestWhoMayRead:
    @pytest.mark.parametrize("path", [UPDATES, PACKAGES, RELEASES, f"/nowhere{UPDATES}"])
    def test_others_get_nothing(self, cast: Cast, machine: WsgiClient, path: str) -> None:
        upload(cast.index)
        asked: Answer = machine.get(path)
        assert (asked.status, asked.headers["WWW-Authenticate"][:5]) == (401, "Basic")
        assert machine.signed(cast.basic("outsider")).get(path).status == 403

    def test_who_reads_one_project(self, cast: Cast, machine: WsgiClient) -> None:
        _publish(cast.index)
        give(cast.outsider, [Verb.READ], cast.index, Project.objects.get(name="other"))
        part = machine.signed(cast.bearer("outsider"))
        assert titles(part, UPDATES) == ["other 1.0"]
        assert titles(part, PACKAGES) == ["other"]
        assert part.get(RELEASES).status == part.get("/rss/project/nothing/releases.xml").status == 403

    def test_a_name_of_another_spelling(self, cast: Cast, reader: WsgiClient) -> None:
        upload(cast.index)
        for below in ("", "/main"):
            answer = reader.get(f"{below}/rss/project/Acme_Tool/releases.xml")
            assert (answer.status, answer.headers["Location"]) == (301, f"{below}{RELEASES}")
        assert reader.get("/rss/project/nothing/releases.xml").status == 404

    def test_what_is_quarantined(self, cast: Cast, reader: WsgiClient) -> None:
        _publish(cast.index)
        projects.set_status(actor=SYSTEM, project=Project.objects.get(name="acme-tool"), status="quarantined")
        assert titles(reader, UPDATES) == ["other 1.0"]
        assert titles(reader, PACKAGES) == ["other"]
        assert reader.get(RELEASES).status == 404

    def test_what_the_policy_hides(self, cast: Cast, reader: WsgiClient) -> None:
        _publish(cast.index)
        make_rule(cast.index, "hide", projects=["acme-tool"], versions=">=2")
        assert titles(reader, UPDATES) == ["other 1.0", "acme-tool 1.0"]
        assert titles(reader, RELEASES) == ["acme-tool 1.0"]
        make_rule(cast.index, "hide", projects=["other"])
        assert titles(reader, UPDATES) == ["acme-tool 1.0"]
        assert titles(reader, PACKAGES) == ["acme-tool"]

    def test_in_a_group_the_first_member_decides(self, cast: Cast, reader: WsgiClient) -> None:
        second = make_index("second")
        give(cast.reader, [Verb.READ], second)
        make_group("all", cast.index, second)
        upload(second, build_wheel(version="9.0"))
        assert titles(reader, f"/all{UPDATES}") == ["acme-tool 9.0"]
        published(cast.index)
        assert titles(reader, f"/all{UPDATES}") == ["acme-tool 1.0"]
        assert titles(reader, f"/all{PACKAGES}") == ["acme-tool"]


def test_a_feed_has_an_end(cast: Cast, reader: WsgiClient) -> None:
    project = published(cast.index).project
    versions = [f"1.{number}" for number in range(130)]
    Release.objects.bulk_create(
        Release(project=project, version=version, canonical_version=f"1.{at}.x", sort_key=f"{at:05}")
        for at, version in enumerate(versions)
    )
    assert len(titles(reader, UPDATES)) == 100
    assert len(titles(reader, RELEASES)) == 40
