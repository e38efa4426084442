"""Serials that mirrors follow: there, above zero, and never lower than what was shown before."""

from __future__ import annotations

import pytest

from accounts.domain.verbs import Verb
from indexapp.models import Index, Project, Trashed
from indexapp.services import indexes, projects, releases
from indexapp.services.trash import restoring
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import give, make_index, published, upload
from tests.wsgi_client import Answer, WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db]
JSON = "application/vnd.pypi.simple.v1+json"


@pytest.fixture
def second() -> Index:
    return indexes.create(actor=SYSTEM, name="second")


@pytest.fixture
def group(cast: Cast, second: Index) -> Index:
    """'all', of 'main' before 'second', and around it 'outer'."""
    inner = indexes.create(actor=SYSTEM, name="all", kind="group", members=["main", "second"])
    indexes.create(actor=SYSTEM, name="outer", kind="group", members=["all"])
    return inner


class Mirror:
    """Somebody who follows an index, and refuses serials that decrease."""

    def __init__(self, client: WsgiClient, index: str) -> None:
        self._client, self._index = client, index
        self._seen: dict[str, int] = {}

    def looks(self, *names: str) -> dict[str, int]:
        """The serials of the list, of each project by all its addresses, and of each on the list."""
        found = {}
        root = self._client.get(f"/{self._index}/simple/", Accept=JSON)
        found["list"] = self._serial_of(root, root.json["meta"]["_last-serial"])
        listed = {row["name"]: row["_last-serial"] for row in root.json["projects"]}
        for name in names:
            page = self._client.get(f"/{self._index}/simple/{name}/", Accept=JSON)
            found[name] = self._serial_of(page, page.json["meta"]["_last-serial"])
            document = self._client.get(f"/{self._index}/pypi/{name}/json")
            assert self._serial_of(document, document.json["last_serial"]) == found[name]
            html = self._client.get(f"/{self._index}/simple/{name}/", Accept="text/html")
            assert f"<!--SERIAL {found[name]}-->" in html.body.decode()
            assert 0 < listed[name] <= found[name]
            found[f"listed {name}"] = listed[name]
        for what, serial in found.items():
            assert serial >= self._seen.get(what, 1), what
        self._seen |= found
        return found

    @staticmethod
    def _serial_of(answer: Answer, said: int) -> int:
        assert answer.headers["X-PyPI-Last-Serial"] == str(said)
        return said


@pytest.fixture
def following(cast: Cast, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.bearer("administrator"))


@pytest.mark.parametrize("index", ["main", "all", "outer"])
def test_a_name_that_another_member_shows_next(cast: Cast, group: Index, following: WsgiClient, index: str) -> None:
    second = Index.objects.get(name="second")
    upload(second, build_wheel(version="0.9"))
    upload(cast.index)
    mirror = Mirror(following, index)
    mirror.looks("acme-tool")
    upload(cast.index, build_wheel("other"))
    project = Project.objects.get(index=cast.index, normalized_name="acme-tool")
    projects.delete(actor=SYSTEM, project=project)
    mirror.looks(*([] if index == "main" else ["acme-tool"]))
    restoring.restore(actor=SYSTEM, entry=Trashed.objects.get())
    mirror.looks("acme-tool")


def test_files_and_releases_that_go_and_come_back(cast: Cast, following: WsgiClient) -> None:
    mirror, serials = Mirror(following, "main"), []
    upload(cast.index, build_wheel(version="2.0"))
    file = published(cast.index)
    serials.append(mirror.looks("acme-tool")["acme-tool"])
    releases.yank(actor=SYSTEM, release=file.release)
    serials.append(mirror.looks("acme-tool")["acme-tool"])
    releases.delete(actor=SYSTEM, release=file.release)
    serials.append(mirror.looks("acme-tool")["acme-tool"])
    restoring.restore(actor=SYSTEM, entry=Trashed.objects.get())
    serials.append(mirror.looks("acme-tool")["acme-tool"])
    assert serials == sorted(set(serials))


@pytest.mark.parametrize("index", ["all", "outer"])
def test_a_member_that_leaves_the_group(cast: Cast, group: Index, following: WsgiClient, index: str) -> None:
    upload(Index.objects.get(name="second"))
    upload(cast.index, build_wheel(version="2.0"))
    mirror = Mirror(following, index)
    before = mirror.looks("acme-tool")
    indexes.change(actor=SYSTEM, index=group, members=["second"])
    assert mirror.looks("acme-tool")["acme-tool"] > before["acme-tool"]
    upload(Index.objects.get(name="second"), build_wheel(version="3.0"))
    mirror.looks("acme-tool")


def test_the_index_beside_keeps_its_serial_where_no_group_shows_both(cast: Cast, following: WsgiClient) -> None:
    apart = make_index("apart")
    upload(apart)
    upload(cast.index)
    before = Project.objects.get(index=apart).last_serial
    projects.delete(actor=SYSTEM, project=Project.objects.get(index=cast.index))
    assert Project.objects.get(index=apart).last_serial == before


def test_who_sees_a_part_of_the_list(cast: Cast, machine: WsgiClient) -> None:
    first, second = published(cast.index, build_wheel("one")), published(cast.index, build_wheel("two"))
    for file in (first, second):
        give(cast.outsider, [Verb.READ], cast.index, file.project)
    part = machine.signed(cast.bearer("outsider"))
    before = int(part.get("/simple/").headers["X-PyPI-Last-Serial"])
    projects.delete(actor=SYSTEM, project=second.project)
    answer = part.get("/simple/", Accept=JSON)
    assert [row["name"] for row in answer.json["projects"]] == ["one"]
    assert int(answer.headers["X-PyPI-Last-Serial"]) > before
