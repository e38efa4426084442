from __future__ import annotations

import pytest

from accounts.domain.verbs import ALL_VERBS, Verb
from indexapp.services import projects
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import give, make_group, make_index, published, upload
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db]

JSON = "application/vnd.pypi.simple.v1+json"


def names(client: WsgiClient, url: str = "/simple/") -> list[str]:
    answer = client.get(url, Accept=JSON)
    assert answer.status == 200, answer.body
    return [row["name"] for row in answer.json["projects"]]


@pytest.fixture
def reader(cast: Cast, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.bearer("reader"))


def test_names_as_written_in_the_order_of_their_normal_form(cast: Cast, reader: WsgiClient) -> None:
    for name in ("zeta", "Beta", "alpha", "Beta.Two"):
        upload(cast.index, build_wheel(name))
    assert names(reader) == ["alpha", "Beta", "Beta.Two", "zeta"]
    assert b'<a href="beta-two/">Beta.Two</a>' in reader.get("/simple/").body


def test_each_name_carries_its_serial_and_the_list_the_last_one(cast: Cast, reader: WsgiClient) -> None:
    first, second = published(cast.index, build_wheel("one")), published(cast.index, build_wheel("two"))
    answer = reader.get("/simple/", Accept=JSON)
    serials = [row["_last-serial"] for row in answer.json["projects"]]
    assert serials == [first.project.last_serial, second.project.last_serial]
    assert answer.json["meta"]["_last-serial"] == int(answer.headers["X-PyPI-Last-Serial"]) == serials[-1]


def test_the_list_changes_with_what_is_published_and_deleted(cast: Cast, reader: WsgiClient) -> None:
    assert names(reader) == []
    file = published(cast.index)
    assert names(reader) == ["acme-tool"]
    projects.set_status(actor=cast.actor("administrator"), project=file.project, status="quarantined")
    assert names(reader) == []
    projects.set_status(actor=cast.actor("administrator"), project=file.project, status="active")
    assert names(reader) == ["acme-tool"]
    projects.delete(actor=cast.actor("administrator"), project=file.project)
    assert names(reader) == []


def test_other_indexes_leave_the_list_as_it_was(cast: Cast, reader: WsgiClient) -> None:
    upload(cast.index)
    before = reader.get("/simple/")
    upload(make_index("other"))
    again = reader.get("/simple/", If_None_Match=before.headers["ETag"])
    assert (again.status, again.headers["X-PyPI-Last-Serial"]) == (304, before.headers["X-PyPI-Last-Serial"])


def test_an_empty_private_index_is_not_told_of_to_outsiders(cast: Cast, machine: WsgiClient) -> None:
    assert machine.get("/simple/").status == 401
    assert machine.signed(cast.bearer("outsider")).get("/simple/").status == 403
    assert machine.signed(cast.bearer("outsider")).get("/nowhere/simple/").status == 403


def test_an_open_index_shows_itself_to_everybody(cast: Cast, machine: WsgiClient) -> None:
    cast.index.anonymous_read = True
    cast.index.save()
    assert names(machine) == []
    upload(cast.index)
    assert names(machine) == ["acme-tool"]


@pytest.mark.parametrize(
    ("verbs", "indexes", "projects_", "shown"),
    [
        (ALL_VERBS, [], [], ["one", "two"]),
        (ALL_VERBS, ["main"], [], ["one", "two"]),
        (ALL_VERBS, [], ["two"], ["two"]),
        ([Verb.READ], ["main"], ["one"], ["one"]),
        (ALL_VERBS, ["other"], [], None),
        ([Verb.UPLOAD], [], [], None),
        (ALL_VERBS, [], ["three"], None),
    ],
)
def test_a_tokens_list(
    cast: Cast,
    machine: WsgiClient,
    verbs: list[Verb],
    indexes: list[str],
    projects_: list[str],
    shown: list[str] | None,
) -> None:
    upload(cast.index, build_wheel("one"))
    upload(cast.index, build_wheel("two"))
    for role in ("reader", "administrator"):
        token = cast.token(role, verbs, indexes=indexes, projects=projects_)
        asker = machine.signed({"Authorization": f"Bearer {token}"})
        if shown is None:
            assert asker.get("/simple/").status == 403
        else:
            assert names(asker) == shown


def test_lists_for_one_reader_are_private_and_have_their_own_etag(cast: Cast, machine: WsgiClient) -> None:
    one = published(cast.index, build_wheel("one"))
    two = published(cast.index, build_wheel("two"))
    give(cast.outsider, [Verb.READ], cast.index, one.project)
    give(cast.member, [Verb.READ], cast.index, two.project)
    whole = machine.signed(cast.bearer("member")).get("/simple/")
    part = machine.signed(cast.bearer("outsider")).get("/simple/")
    assert whole.headers["ETag"] != part.headers["ETag"]
    assert part.headers["Cache-Control"].startswith("private")
    # That of the newest project they see would decrease when it goes.
    assert part.headers["X-PyPI-Last-Serial"] == whole.headers["X-PyPI-Last-Serial"] == str(two.project.last_serial)


def test_an_empty_group_is_not_told_of_to_outsiders(cast: Cast, machine: WsgiClient) -> None:
    make_group("all")
    for path in ("/all/simple/", "/all/simple/acme-tool/"):
        assert machine.get(path).status == 401
        assert machine.signed(cast.bearer("outsider")).get(path).status == 403
    assert names(machine.signed(cast.bearer("administrator")), "/all/simple/") == []


def test_passwords_list_nothing_of_members_that_take_tokens_only(cast: Cast, machine: WsgiClient) -> None:
    strict, lax = make_index("strict", allow_passwords=False), make_index("lax")
    make_group("all", strict, lax)
    upload(strict, build_wheel("one"))
    upload(lax, build_wheel("two"))
    for index in (strict, lax):
        give(cast.reader, [Verb.READ], index)
    assert names(machine.signed(cast.bearer("reader")), "/all/simple/") == ["one", "two"]
    assert names(machine.signed(cast.basic("reader")), "/all/simple/") == ["two"]
    assert machine.signed(cast.basic("reader")).get("/strict/simple/").status == 403
