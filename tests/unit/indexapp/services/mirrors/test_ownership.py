"""Names of ours: no upstream is asked for them, and nothing of an upstream is served under them."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.domain.verbs import Verb
from indexapp.models import Index, MirroredProject, Project
from indexapp.services import projects, roles
from indexapp.services.mirrors import asking, merges, refreshing, settings
from indexapp.services.pages import lists
from indexapp.services.policies import rules
from indexapp.services.serving import index_map, ownership, watermarks
from indexapp.services.trash import purging
from tests.builders.wheels import build_wheel
from tests.factories.browsers import signed_in
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, actor_of, make_team, make_token, make_user
from tests.factories.policies import make_rule
from tests.factories.publishing import give, make_group, make_index, make_project, published
from tests.factories.upstreams import make_mirror, page_of
from tests.servers.static_index import Behaviour, StaticIndex
from tests.wsgi_client import WsgiClient, bearer
from tpi_site.kit.errors import Conflict

JSON = "application/vnd.pypi.simple.v1+json"
pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def upstream() -> Iterator[StaticIndex]:
    """Has a higher version of what is ours, and something of its own."""
    with StaticIndex([build_wheel("acme-tool", "9.0"), build_wheel("theirs", "2.0")]) as server:
        yield server


@pytest.fixture
def mirror(upstream: StaticIndex) -> Index:
    return make_mirror(upstream.url)


@pytest.fixture
def group(main: Index, mirror: Index) -> Index:
    return make_group("everything", main, mirror)


def _addresses(machine: WsgiClient, index: str, name: str) -> list[str]:
    """The file names that the page offers, in JSON; none where there is no page."""
    answer = machine.get(f"/{index}/simple/{name}/", accept=JSON)
    assert answer.status in (200, 404), answer.body
    return [file["filename"] for file in answer.json["files"]] if answer.status == 200 else []


def _shown(cast: Cast, version: str) -> str:
    """The text of the release's page in the group."""
    browser = signed_in(cast.administrator)
    return html.unescape(browser.get(f"/everything/project/acme-tool/{version}/").content.decode())


@pytest.fixture
def reading(machine: WsgiClient, cast: Cast) -> WsgiClient:
    return machine.signed(cast.bearer("administrator"))


def test_what_only_the_upstream_has_comes_through_the_group(group: Index, upstream: StaticIndex) -> None:
    page = page_of(group, "theirs")
    assert page is not None
    assert page.member.name == "outside"
    assert upstream.count("/theirs/") == 1


@pytest.mark.parametrize("through", ["everything", "outside"])
def test_a_hosted_name_is_ours_by_every_address(
    main: Index, group: Index, upstream: StaticIndex, reading: WsgiClient, through: str
) -> None:
    published(main, build_wheel("acme-tool", "1.0"))
    own = ["acme_tool-1.0-py3-none-any.whl"] if through == "everything" else []
    assert _addresses(reading, through, "acme-tool") == own
    assert reading.get(f"/{through}/simple/Acme.Tool/").status == (301 if own else 404)
    listing = reading.get(f"/{through}/legacy/+simple/acme-tool/")
    assert (listing.status, b"9.0" in listing.body) == (200 if own else 404, False)
    document = reading.get(f"/{through}/pypi/acme-tool/json")
    assert (document.status, b"9.0" in document.body) == (200 if own else 404, False)
    assert reading.get(f"/{through}/pypi/acme-tool/9.0/json").status == 404
    assert upstream.requests == []


@pytest.mark.parametrize("through", ["everything", "outside"])
def test_a_name_becomes_ours_at_once_though_the_mirror_serves_it(
    main: Index, group: Index, upstream: StaticIndex, reading: WsgiClient, through: str
) -> None:
    assert _addresses(reading, through, "acme-tool") == ["acme_tool-9.0-py3-none-any.whl"]
    file = MirroredProject.objects.get().project.files.get()  # type: ignore[union-attr]  # it is there
    path = f"{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"
    asked = len(upstream.requests)
    projects.create(actor=SYSTEM, index=main, name="acme-tool")
    assert _addresses(reading, through, "acme-tool") == []
    for address in (path, f"{path}.metadata"):
        assert reading.get(f"/{through}/files/{address}").status == 404
        assert reading.request("HEAD", f"/{through}/files/{address}").status == 404
    assert len(upstream.requests) == asked


def test_nothing_of_the_mirror_is_in_lists_once_the_name_is_ours(
    main: Index, group: Index, reading: WsgiClient
) -> None:
    for name in ("acme-tool", "theirs"):
        assert page_of(group, name) is not None
    before = reading.get("/outside/simple/", accept=JSON)
    assert [row["name"] for row in before.json["projects"]] == ["acme-tool", "theirs"]
    projects.create(actor=SYSTEM, index=main, name="acme-tool")
    root = reading.get("/outside/simple/", accept=JSON).json
    assert [row["name"] for row in root["projects"]] == ["theirs"]
    served = index_map.read(watermarks.read()).by_name
    assert [row.project.index.name for row in lists.results(SYSTEM, "acme").rows] == ["main"]
    assert [row.project.name for row in lists.page_of_index(served["outside"], SYSTEM).rows] == ["theirs"]
    through_group = lists.page_of_index(served["everything"], SYSTEM).rows
    assert [(row.project.name, row.project.index.name) for row in through_group] == [
        ("acme-tool", "main"),
        ("theirs", "outside"),
    ]
    answer = reading.get("/api/v1/indexes/outside/projects/")
    assert [row["name"] for row in answer.json["results"]] == ["theirs"]


@pytest.mark.parametrize("policy", ["hide", "keep"])
def test_what_is_gone_upstream_is_listed_as_the_mirror_is_told(
    mirror: Index, upstream: StaticIndex, reading: WsgiClient, policy: str
) -> None:
    settings.change(actor=SYSTEM, index=mirror, on_removal=policy)
    assert page_of(mirror, "theirs") is not None
    upstream.behaviour = Behaviour(status=404)
    refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
    kept = ["theirs"] if policy == "keep" else []
    root = reading.get("/outside/simple/", accept=JSON)
    assert [row["name"] for row in root.json["projects"]] == kept
    assert [row.project.name for row in lists.results(SYSTEM, "theirs").rows] == kept
    assert len(_addresses(reading, "outside", "theirs")) == len(kept)


@pytest.mark.parametrize("is_purged", [False, True])
def test_a_deleted_project_stays_ours(
    main: Index, group: Index, upstream: StaticIndex, reading: WsgiClient, *, is_purged: bool
) -> None:
    project = published(main, build_wheel("acme-tool", "1.0")).project
    projects.delete(actor=SYSTEM, project=project)
    if is_purged:
        entry = main.trash.get()
        purging.purge(actor=SYSTEM, entry=entry, typed=str(entry))
    assert not Project.objects.filter(normalized_name="acme-tool").exists()
    for through in ("everything", "outside"):
        assert _addresses(reading, through, "acme-tool") == []
    assert upstream.requests == []


def test_an_empty_project_that_was_a_mistake_gives_the_name_back(
    main: Index, group: Index, upstream: StaticIndex, reading: WsgiClient
) -> None:
    project = projects.create(actor=SYSTEM, index=main, name="acme-tool")
    assert _addresses(reading, "everything", "acme-tool") == []
    projects.delete(actor=SYSTEM, project=project)
    for entry in main.trash.all():
        purging.purge(actor=SYSTEM, entry=entry, typed=str(entry))
    for through in ("everything", "outside"):
        assert _addresses(reading, through, "acme-tool") == ["acme_tool-9.0-py3-none-any.whl"]
    assert [row.project.name for row in lists.results(SYSTEM, "acme").rows] == ["acme-tool"]


@pytest.mark.parametrize("place", ["main", "outside", "everything", "outer", ""])
def test_a_reserved_prefix_is_ours(
    main: Index, mirror: Index, group: Index, upstream: StaticIndex, reading: WsgiClient, place: str
) -> None:
    make_group("outer", group)
    assert _addresses(reading, "everything", "acme-tool") == ["acme_tool-9.0-py3-none-any.whl"]
    asked = len(upstream.requests)
    index = Index.objects.filter(name=place).first()
    row = roles.reserve_prefix(actor=SYSTEM, team=make_team("red"), prefix="acme", index=index)
    for through in ("everything", "outside", "outer"):
        assert _addresses(reading, through, "acme-tool") == []
        assert _addresses(reading, through, "acme") == []
        root = reading.get(f"/{through}/simple/", accept=JSON)
        assert "acme-tool" not in [entry["name"] for entry in root.json["projects"]]
    assert len(upstream.requests) == asked
    assert lists.results(SYSTEM, "acme").rows == []
    roles.release_prefix(actor=SYSTEM, reserved=row)
    assert _addresses(reading, "everything", "acme-tool") == ["acme_tool-9.0-py3-none-any.whl"]


def test_another_index_does_not_own_what_stands_in_no_group_with_the_mirror(
    group: Index, upstream: StaticIndex
) -> None:
    make_project(make_index("elsewhere"), "acme-tool")
    assert page_of(group, "acme-tool") is not None
    assert upstream.count("/acme-tool/") == 1


def test_a_group_within_a_group_owns_too(main: Index, upstream: StaticIndex, mirror: Index) -> None:
    make_group("outer", make_group("inner", main), mirror)
    projects.create(actor=SYSTEM, index=main, name="acme-tool")
    assert page_of(mirror, "acme-tool") is None
    assert upstream.requests == []


@pytest.mark.parametrize("kept", ["is_offline", "is_frozen"])
def test_who_gets_nothing_reads_that_the_upstream_was_not_asked(
    group: Index, mirror: Index, upstream: StaticIndex, reading: WsgiClient, machine: WsgiClient, kept: str
) -> None:
    assert b"offline" not in reading.get("/everything/simple/nothing/").body
    settings.change(actor=SYSTEM, index=mirror, **{kept: True})
    for through in ("everything", "outside"):
        answer = reading.get(f"/{through}/simple/theirs/")
        assert answer.status == 404
        assert b"'outside' is offline or frozen" in answer.body
    person = make_user("ann")
    give(person, [Verb.READ], group)
    assert b"offline" not in machine.signed(bearer(make_token(person)[1])).get("/everything/simple/theirs/").body


def test_only_who_reads_the_mirror_makes_it_ask(
    main: Index, group: Index, upstream: StaticIndex, machine: WsgiClient
) -> None:
    person = make_user("ann")
    give(person, [Verb.READ], main)
    reader = machine.signed(bearer(make_token(person, [Verb.READ])[1]))
    for through in ("everything", "outside"):
        assert reader.get(f"/{through}/simple/theirs/").status == 403
    bound = make_user("ben")
    give(bound, [Verb.READ], Index.objects.get(name="outside"))
    narrow = machine.signed(bearer(make_token(bound, [Verb.READ], projects=["other"])[1]))
    assert narrow.get("/outside/simple/theirs/").status == 403
    assert machine.get("/outside/simple/theirs/").status == 401
    assert upstream.requests == []


def test_a_name_that_is_ours_cannot_be_refreshed(
    main: Index, group: Index, mirror: Index, upstream: StaticIndex
) -> None:
    projects.create(actor=SYSTEM, index=main, name="acme-tool")
    with pytest.raises(Conflict) as refusal:
        refreshing.refresh(actor=SYSTEM, index=mirror, name="acme-tool")
    assert refusal.value.code == "name-is-ours"
    assert upstream.requests == []


def test_a_name_of_ours_that_one_may_not_know_is_refreshed_like_one_that_is_nowhere(
    main: Index, group: Index, mirror: Index, upstream: StaticIndex
) -> None:
    published(main, build_wheel("acme-tool", "1.0"))
    published(main, build_wheel("acme-past", "1.0"))
    projects.delete(actor=SYSTEM, project=main.projects.get(normalized_name="acme-past"))
    person = make_user("ann")
    give(person, [Verb.ADMINISTER], mirror)

    def told(name: str) -> dict[str, Any]:
        row = refreshing.refresh(actor=actor_of(person), index=mirror, name=name)
        assert row.checked_at is not None
        assert row.fresh_until is not None
        values = MirroredProject.objects.filter(pk=row.pk).values().get()
        return {
            name: value for name, value in values.items() if name not in {"id", "normalized_name", "checked_at"}
        } | {"fresh_until": row.fresh_until - row.checked_at}

    assert told("acme-tool") == told("acme-past") == told("no-such-thing")
    assert not any("acme" in asked.path for asked in upstream.requests)
    give(person, [Verb.READ], main)
    for name in ("acme-tool", "acme-past"):
        with pytest.raises(Conflict) as refusal:
            told(name)
        assert refusal.value.code == "name-is-ours"


def test_who_sees_the_prefix_may_know_that_a_name_is_ours(main: Index, group: Index, mirror: Index) -> None:
    person = make_user("ann")
    give(person, [Verb.ADMINISTER], mirror)
    team, other = make_team("tools", person), make_team("others")
    roles.reserve_prefix(actor=SYSTEM, prefix="acme", team=team, index=None)
    roles.reserve_prefix(actor=SYSTEM, prefix="rival", team=other, index=main)
    served = index_map.read(watermarks.read()).by_pk[mirror.pk]
    names = ["acme", "acme-tool", "acmes", "rival-tool"]
    assert ownership.told_to(actor_of(person), [served], names) == {"acme", "acme-tool"}
    assert ownership.told_to(SYSTEM, [served], names) == set(names)


def test_a_mirror_by_itself_tells_nobody_of_a_prefix_that_they_do_not_see(mirror: Index) -> None:
    person = make_user("ann")
    give(person, [Verb.READ, Verb.ADMINISTER], mirror)
    roles.reserve_prefix(actor=SYSTEM, prefix="rival", team=make_team("rivals"), index=None)
    served = index_map.read(watermarks.read()).by_pk[mirror.pk]
    assert ownership.told_to(actor_of(person), [served], ["rival-tool", "other"]) == set()


class TestMerged:
    """A name of ours that a security officer merges with the upstream's."""

    @pytest.fixture
    def merged(self, main: Index, group: Index) -> Index:
        published(main, build_wheel("acme-tool", "1.0"))
        merges.create(actor=SYSTEM, group=group, name="Acme_Tool", reason="ours is a fork")
        return group

    def test_the_group_serves_both(self, merged: Index, upstream: StaticIndex, reading: WsgiClient) -> None:
        own, other = "acme_tool-1.0-py3-none-any.whl", "acme_tool-9.0-py3-none-any.whl"
        assert _addresses(reading, "everything", "acme-tool") == [own, other]
        page = reading.get("/everything/simple/acme-tool/", accept=JSON)
        assert page.json["versions"] == ["1.0", "9.0"]
        document = reading.get("/everything/pypi/acme-tool/json")
        assert sorted(document.json["releases"]) == ["1.0", "9.0"]
        assert document.json["info"]["version"] == "9.0"
        assert reading.get("/everything/pypi/acme-tool/9.0/json").status == 200
        assert _addresses(reading, "main", "acme-tool") == [own]
        assert _addresses(reading, "outside", "acme-tool") == []
        assert upstream.count("/acme-tool/") == 1

    def test_ours_goes_before_theirs_of_the_same_name(
        self, merged: Index, upstream: StaticIndex, reading: WsgiClient, main: Index
    ) -> None:
        upstream.publish(build_wheel("acme-tool", "1.0", description="another"))
        assert len(_addresses(reading, "everything", "acme-tool")) == 2
        page = reading.get("/everything/simple/acme-tool/", accept=JSON)
        ours = Project.objects.get(index=main).files.get()
        assert page.json["files"][0]["hashes"]["sha256"] == ours.sha256
        theirs = MirroredProject.objects.get().project.files.get(filename=ours.filename)  # type: ignore[union-attr]
        assert theirs.sha256 != ours.sha256
        path = f"{theirs.sha256[:2]}/{theirs.sha256[2:4]}/{theirs.sha256[4:]}/{theirs.filename}"
        assert reading.get(f"/everything/files/{path}").status == 404

    def test_the_tag_and_the_serial_cover_both(
        self, merged: Index, upstream: StaticIndex, reading: WsgiClient, main: Index
    ) -> None:
        def head() -> tuple[str, int]:
            answer = reading.get("/everything/simple/acme-tool/")
            return answer.headers["ETag"], int(answer.headers["X-PyPI-Last-Serial"])

        first = head()
        published(main, build_wheel("acme-tool", "1.1"))
        second = head()
        upstream.publish(build_wheel("acme-tool", "9.1"))
        asking.ask_again(Index.objects.get(name="outside").pk, "acme-tool")
        third = head()
        assert len({first[0], second[0], third[0]}) == 3
        assert first[1] < second[1] < third[1]

    def test_who_may_not_read_the_mirror_gets_ours_alone(
        self, merged: Index, machine: WsgiClient, reading: WsgiClient, main: Index
    ) -> None:
        assert len(_addresses(reading, "everything", "acme-tool")) == 2
        person = make_user("ann")
        give(person, [Verb.READ], main)
        narrow = machine.signed(bearer(make_token(person, [Verb.READ])[1]))
        assert _addresses(narrow, "everything", "acme-tool") == ["acme_tool-1.0-py3-none-any.whl"]
        assert len(_addresses(reading, "everything", "acme-tool")) == 2

    def test_what_is_kept_back_of_one_side_names_what_is_allowed_of_the_other(
        self, merged: Index, machine: WsgiClient, reading: WsgiClient, cast: Cast
    ) -> None:
        page = reading.get("/everything/simple/acme-tool/", accept=JSON)
        theirs = next(file["url"] for file in page.json["files"] if "9.0" in file["filename"])
        rule = make_rule(None, sources=["kind:mirror"])
        assert " Allowed: acme-tool 1.0." in reading.get(theirs).json["detail"]
        assert " Allowed: acme-tool 1.0." in reading.get("/everything/pypi/acme-tool/9.0/json").json["detail"]
        assert " Allowed: acme-tool 1.0." in _shown(cast, "9.0")
        person = make_user("ann")
        give(person, [Verb.READ], Index.objects.get(name="outside"))
        narrow = machine.signed(bearer(make_token(person, [Verb.READ])[1]))
        assert "No version of it is allowed." in narrow.get(theirs).json["detail"], "of ours they hear nothing"
        rules.remove(actor=SYSTEM, rule=rule)
        make_rule(None, sources=["kind:hosted"])
        ours = next(file["url"] for file in page.json["files"] if "1.0" in file["filename"])
        assert " Allowed: acme-tool 9.0." in reading.get(ours).json["detail"]
        make_rule(None, name="both", sources=["kind:mirror"])
        assert "No version of it is allowed." in reading.get(ours).json["detail"]

    def test_the_page_says_which_index_a_release_is_from(
        self, merged: Index, upstream: StaticIndex, reading: WsgiClient, cast: Cast
    ) -> None:
        upstream.publish(build_wheel("acme-tool", "1.0", tags="cp312-cp312-win_amd64"))
        assert len(_addresses(reading, "everything", "acme-tool")) == 3
        for version, source in (("9.0", "outside"), ("1.0", "main and outside")):
            page = _shown(cast, version)
            head = page.partition('class="project-head"')[2].partition("</header>")[0]
            assert f'<span class="badge">from {source}</span>' in head

    def test_an_upstream_that_is_away_costs_us_nothing(
        self, merged: Index, upstream: StaticIndex, reading: WsgiClient
    ) -> None:
        upstream.behaviour = Behaviour(status=500)
        assert _addresses(reading, "everything", "acme-tool") == ["acme_tool-1.0-py3-none-any.whl"]

    def test_it_can_be_asked_for(self, merged: Index, upstream: StaticIndex) -> None:
        row = refreshing.refresh(actor=SYSTEM, index=Index.objects.get(name="outside"), name="acme-tool")
        assert row.project_id is not None
        assert upstream.count("/acme-tool/") == 1

    def test_revoked_it_is_ours_alone_again(self, merged: Index, upstream: StaticIndex, reading: WsgiClient) -> None:
        assert len(_addresses(reading, "everything", "acme-tool")) == 2
        merges.revoke(actor=SYSTEM, merge=merged.merges.get())
        asked = len(upstream.requests)
        assert _addresses(reading, "everything", "acme-tool") == ["acme_tool-1.0-py3-none-any.whl"]
        assert len(upstream.requests) == asked

    def test_a_deleted_name_of_ours_is_released_so(self, merged: Index, main: Index, reading: WsgiClient) -> None:
        projects.delete(actor=SYSTEM, project=Project.objects.get(index=main))
        assert _addresses(reading, "everything", "acme-tool") == ["acme_tool-9.0-py3-none-any.whl"]
        assert _addresses(reading, "outside", "acme-tool") == []
        root = reading.get("/everything/simple/", accept=JSON)
        assert "acme-tool" in [entry["name"] for entry in json.loads(root.body)["projects"]]
