"""Groups: the first member that has a name decides about it, and rights are those on the member."""

from __future__ import annotations

import pytest

from accounts.domain.verbs import ALL_VERBS, Verb
from indexapp.models import File, Index
from indexapp.services import indexes, projects
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import give, make_group, make_index, make_project, published, upload
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db]

JSON = "application/vnd.pypi.simple.v1+json"


@pytest.fixture
def team(cast: Cast) -> Index:
    return make_index("team")


@pytest.fixture
def group(cast: Cast, team: Index) -> Index:
    """The index 'team' before the index 'main'; the reader reads both."""
    give(cast.reader, [Verb.READ], team)
    return make_group("all", team, cast.index)


@pytest.fixture
def reader(cast: Cast, group: Index, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.bearer("reader"))


def versions(client: WsgiClient, name: str = "acme-tool") -> list[str]:
    answer = client.get(f"/all/simple/{name}/", Accept=JSON)
    assert answer.status == 200, answer.body
    return list(answer.json["versions"])


def names(client: WsgiClient) -> list[str]:
    return [row["name"] for row in client.get("/all/simple/", Accept=JSON).json["projects"]]


def address(file: File, index: str) -> str:
    return f"/{index}/files/{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"


def test_names_of_all_members_are_one_list(cast: Cast, team: Index, reader: WsgiClient) -> None:
    upload(cast.index, build_wheel("one"))
    upload(team, build_wheel("two"))
    upload(team, build_wheel("both"))
    upload(cast.index, build_wheel("both", "2.0"))
    assert names(reader) == ["both", "one", "two"]


def test_the_first_member_decides_whatever_version_the_other_has(cast: Cast, team: Index, reader: WsgiClient) -> None:
    upload(cast.index, build_wheel(version="99.0"))
    assert versions(reader) == ["99.0"]
    file = published(team)
    assert versions(reader) == ["1.0"]
    projects.delete(actor=cast.actor("administrator"), project=file.project)
    assert versions(reader) == ["99.0"]


def test_an_empty_project_of_the_first_member_decides_too(cast: Cast, team: Index, reader: WsgiClient) -> None:
    upload(cast.index)
    make_project(team, "acme-tool", last_serial=1)
    assert versions(reader) == []


def test_a_quarantined_project_of_the_first_member_is_not_replaced_by_the_next(
    cast: Cast, team: Index, reader: WsgiClient
) -> None:
    upload(cast.index, build_wheel(version="2.0"))
    file = published(team)
    projects.set_status(actor=cast.actor("administrator"), project=file.project, status="quarantined")
    assert versions(reader) == []
    assert names(reader) == []


def test_files_come_below_the_groups_own_address(cast: Cast, team: Index, reader: WsgiClient) -> None:
    file = published(cast.index)
    [row] = reader.get("/all/simple/acme-tool/", Accept=JSON).json["files"]
    assert row["url"] == address(file, "all")
    assert reader.get(row["url"]).body == build_wheel().content
    assert reader.get(f"{row['url']}.metadata").status == 200


def test_files_of_a_member_that_does_not_decide_are_not_served(cast: Cast, team: Index, reader: WsgiClient) -> None:
    shadowed = published(cast.index, build_wheel(version="2.0"))
    assert reader.get(address(shadowed, "all")).status == 200
    published(team)
    assert reader.get(address(shadowed, "all")).status == 404
    assert reader.get(address(shadowed, "main")).status == 200


@pytest.mark.parametrize("first", ["team", "main"])
def test_the_same_file_in_two_members_is_the_deciding_ones(
    cast: Cast, team: Index, reader: WsgiClient, first: str
) -> None:
    """Whichever was published first."""
    order = [team, cast.index] if first == "team" else [cast.index, team]
    files = {index.name: published(index) for index in order}
    assert reader.get(address(files["team"], "all")).status == 200
    projects.set_status(actor=cast.actor("administrator"), project=files["main"].project, status="quarantined")
    assert reader.get(address(files["team"], "all")).status == 200
    projects.set_status(actor=cast.actor("administrator"), project=files["team"].project, status="quarantined")
    assert reader.get(address(files["team"], "all")).status == 403


def test_another_order_of_the_members_is_another_decision(
    cast: Cast, group: Index, team: Index, reader: WsgiClient
) -> None:
    upload(team)
    upload(cast.index, build_wheel(version="2.0"))
    assert versions(reader) == ["1.0"]
    indexes.change(actor=cast.actor("administrator"), index=group, members=["main", "team"])
    assert versions(reader) == ["2.0"]
    indexes.change(actor=cast.actor("administrator"), index=group, members=["team"])
    assert versions(reader) == ["1.0"]


def test_groups_in_groups_are_asked_in_their_place(cast: Cast, group: Index, reader: WsgiClient) -> None:
    outer = make_group("outer", group)
    upload(cast.index)
    assert reader.get(f"/{outer.name}/simple/acme-tool/", Accept=JSON).json["versions"] == ["1.0"]


class TestRights:
    """Whoever may not read the member that decides gets nothing, and is not told that the name is there."""

    def test_a_private_name_of_the_first_member_hides_the_public_one(
        self, cast: Cast, group: Index, team: Index, machine: WsgiClient
    ) -> None:
        cast.index.anonymous_read = True
        cast.index.save()
        upload(cast.index, build_wheel(version="2.0"))
        upload(cast.index, build_wheel("public"))
        assert machine.get("/all/simple/acme-tool/").status == 200
        upload(team)
        for role, status in (("anonymous", 401), ("outsider", 403)):
            asker = machine.signed(cast.bearer(role))
            assert asker.get("/all/simple/acme-tool/").status == status
            assert asker.get("/all/simple/no-such-thing/").status == status
            assert asker.get("/all/simple/public/").status == 200
            assert names(asker) == ["public"]

    def test_rights_on_the_group_are_none_on_its_members(
        self, cast: Cast, group: Index, team: Index, machine: WsgiClient
    ) -> None:
        upload(team)
        give(cast.outsider, [Verb.READ], group)
        asker = machine.signed(cast.bearer("outsider"))
        assert asker.get("/all/simple/acme-tool/").status == 403

    def test_an_open_group_opens_no_member(self, cast: Cast, team: Index, machine: WsgiClient) -> None:
        make_group("open", team, anonymous_read=True)
        upload(team)
        assert machine.get("/open/simple/acme-tool/").status == 401
        assert machine.get("/open/simple/").status == 401

    def test_a_reader_of_one_member_sees_that_part(
        self, cast: Cast, group: Index, team: Index, machine: WsgiClient
    ) -> None:
        upload(team, build_wheel("secret"))
        upload(cast.index, build_wheel("known"))
        asker = machine.signed(cast.bearer("uploader"))
        assert names(asker) == ["known"]
        assert asker.get("/all/simple/secret/").status == asker.get("/all/simple/no-such-thing/").status == 403

    def test_a_token_for_a_member_reads_through_the_group(
        self, cast: Cast, group: Index, team: Index, machine: WsgiClient
    ) -> None:
        upload(team, build_wheel("two"))
        upload(cast.index, build_wheel("one"))
        token = cast.token("reader", ALL_VERBS, indexes=["main"])
        asker = machine.signed({"Authorization": f"Bearer {token}"})
        assert asker.get("/all/simple/one/").status == 200
        assert asker.get("/all/simple/two/").status == 403
        assert names(asker) == ["one"]

    def test_a_token_for_the_group_reads_through_it_and_nowhere_else(
        self, cast: Cast, group: Index, team: Index, machine: WsgiClient
    ) -> None:
        file = published(cast.index, build_wheel("one"))
        upload(team, build_wheel("two"))
        give(cast.outsider, [Verb.READ], team)
        token = cast.token("reader", ALL_VERBS, indexes=["all"])
        asker = machine.signed({"Authorization": f"Bearer {token}"})
        for _ in range(2):
            assert names(asker) == ["one", "two"]
            assert asker.get("/all/simple/two/").status == 200
            assert asker.get(address(file, "all")).status == 200
            assert asker.get("/all/simple/no-such-thing/").status == 404
            assert asker.get("/main/simple/one/").status == 403
            assert asker.get(address(file, "main")).status == 403
            assert asker.get("/main/simple/").status == 403
            assert asker.get("/main/").status == 403
            for page in ("/all/", "/all/project/one/", "/search/?q=one&index=all"):
                assert b"one" in asker.get(page).body, page
        less = machine.signed({"Authorization": f"Bearer {cast.token('outsider', ALL_VERBS, indexes=['all'])}"})
        assert names(less) == ["two"]
        assert less.get("/all/simple/one/").status == 403


def test_a_mirror_member_has_nothing_yet(cast: Cast, machine: WsgiClient) -> None:
    make_group("mixed", cast.index, make_index("mirror", kind="mirror"))
    upload(cast.index)
    asker = machine.signed(cast.bearer("administrator"))
    assert asker.get("/mixed/simple/acme-tool/").status == 200
    assert asker.get("/mixed/simple/other/").status == 404
