"""When an upstream is asked for a page, and what readers get meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import BoundedSemaphore, Thread

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.services import generations
from indexapp.models import Change, Index, MirroredProject, Upstream
from indexapp.services.mirrors import asking, waiting
from indexapp.services.pages import access
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import make_group, make_mirror, make_project
from tests.plugins import process_memory
from tests.servers.ports import wait_until
from tests.servers.static_index import Behaviour, StaticFile, StaticIndex
from tests.wsgi_client import Answer, WsgiClient
from tpi_site.kit import read_only
from tpi_site.kit.errors import Unavailable

pytestmark = pytest.mark.database
PAGE = "/outside/simple/acme-tool/"


def asked(machine: WsgiClient, path: str = PAGE) -> Answer:
    return machine.get(path, Accept="application/vnd.pypi.simple.v1+json")


def names(answer: Answer) -> set[str]:
    assert answer.status == 200, answer.body
    return {file["filename"] for file in answer.json["files"]}


def grow_stale() -> None:
    """As after some time, in a process that has just started."""
    MirroredProject.objects.update(fresh_until=timezone.now() - timedelta(seconds=1))
    process_memory.forget()


def test_a_page_is_asked_for_once_and_keeps_every_field(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    upstream.publish(StaticFile(*build_wheel("acme-tool", "0.9"), yanked="loses data"))
    answer = asked(machine)
    files = {file["filename"]: file for file in answer.json["files"]}
    assert len(files) == 3
    newest = files["acme_tool-1.1-py3-none-any.whl"]
    content = upstream.files["acme_tool-1.1-py3-none-any.whl"].content
    assert newest["size"] == len(content)
    assert newest["upload-time"] == "2024-05-01T12:00:00.123456Z"
    assert newest["requires-python"] == ">=3.9"
    assert newest["url"].startswith("/outside/files/")
    assert newest["core-metadata"]["sha256"]
    assert files["acme_tool-0.9-py3-none-any.whl"]["yanked"] == "loses data"
    for _ in range(3):
        assert names(asked(machine)) == set(files)
    process_memory.forget()
    assert names(asked(machine)) == set(files)
    assert upstream.count("/acme-tool/") == 1


def test_a_page_that_is_never_fresh_is_served_all_the_same(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    Upstream.objects.update(page_seconds=0, missing_seconds=0)
    generations.bump_access()
    assert len(names(asked(machine))) == 2


def test_a_name_that_is_not_there_is_remembered_for_a_while(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, cast: Cast
) -> None:
    headers = cast.bearer("administrator")
    for _ in range(3):
        assert machine.get("/outside/simple/acme-nothing/", **headers).status == 404
    assert upstream.count("/acme-nothing/") == 1
    grow_stale()
    upstream.publish(build_wheel("acme-nothing", "1.0"))
    assert machine.get("/outside/simple/acme-nothing/", **headers).status == 200


@pytest.mark.parametrize("fault", ["reset", "truncate", "wrong-type", "garbage", "endless"])
def test_of_an_unknown_name_a_failing_upstream_makes_no_missing_one(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, fault: str
) -> None:
    upstream.behaviour = Behaviour(fault=fault)  # type: ignore[arg-type]
    answer = asked(machine)
    assert (answer.status, answer.code) == (503, "upstream-unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    before = len(upstream.requests)
    assert asked(machine).status == 503
    assert len(upstream.requests) == before, "an upstream that fails is left in peace for a while"
    MirroredProject.objects.update(failed_at=timezone.now() - timedelta(minutes=1))
    process_memory.forget()
    upstream.behaviour = Behaviour()
    assert len(names(asked(machine))) == 2


@pytest.mark.django_db(transaction=True)
def test_a_stale_page_is_served_at_once_and_asked_for_behind(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    old = names(asked(machine))
    grow_stale()
    upstream.publish(build_wheel("acme-tool", "2.0"))
    upstream.behaviour = Behaviour(pause_after=10)
    assert names(asked(machine)) == old
    upstream.resume.set()
    wait_until(lambda: len(names(asked(machine))) == 3, 60, lambda: "the new version never came")
    assert upstream.count("/acme-tool/") == 2


@pytest.mark.django_db(transaction=True)
def test_a_stale_page_stays_when_the_upstream_fails_or_says_that_nothing_changed(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    before = asked(machine)
    for behaviour in (Behaviour(status=500), Behaviour(fault="reset"), Behaviour()):
        grow_stale()
        MirroredProject.objects.update(failed_at=None, failure="")
        upstream.behaviour = behaviour
        count = len(upstream.requests)
        answer = asked(machine)
        assert (answer.status, answer.body) == (200, before.body)
        wait_until(lambda count=count: len(upstream.requests) > count, 60, lambda: "nobody asked")  # type: ignore[misc]
        wait_until(lambda: not asking._refreshing, 60, lambda: "the question never ended")
    assert upstream.requests[-1].headers["if-none-match"]
    assert Change.objects.filter(kind="project-mirrored").count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_readers_of_an_unknown_name_cause_one_question(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    upstream.behaviour = Behaviour(delay=0.5)
    answers: list[Answer] = []

    def read() -> None:
        try:
            answers.append(asked(machine))
        finally:
            connection.close()

    threads = [Thread(target=read) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200] * 12
    assert upstream.count("/acme-tool/") == 1


def test_who_holds_the_question_and_died_is_not_waited_for_longer_than_its_lease(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    MirroredProject.objects.create(
        index=mirror, normalized_name="acme-tool", asked_until=timezone.now() + timedelta(seconds=0.5)
    )
    assert len(names(asked(machine))) == 2


def test_a_name_of_a_hosted_member_is_never_asked_for(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, main: Index, cast: Cast
) -> None:
    make_group("all", main, mirror)
    make_project(main, "acme-tool")
    headers = cast.bearer("administrator")
    for path in ("/all/simple/acme-tool/", PAGE):
        machine.get(path, **headers)
        machine.get(path)
    assert upstream.requests == []
    assert machine.get(PAGE, **headers).status == 404


def test_a_hosted_project_takes_its_name_from_the_mirror_at_once(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, main: Index, cast: Cast
) -> None:
    make_group("all", mirror, main)
    headers = cast.bearer("administrator")
    assert (
        len(
            machine.get("/all/simple/acme-tool/", Accept="application/vnd.pypi.simple.v1+json", **headers).json["files"]
        )
        == 2
    )
    make_project(main, "acme-tool")
    process_memory.forget()
    answer = machine.get("/all/simple/acme-tool/", Accept="application/vnd.pypi.simple.v1+json", **headers)
    assert answer.json["files"] == []
    assert machine.get(PAGE, **headers).status == 404


def test_a_reserved_prefix_is_never_asked_for(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, cast: Cast
) -> None:
    from indexapp.services import roles

    roles.reserve_prefix(actor=cast.actor("administrator"), team=cast.team, prefix="acme")
    machine.get(PAGE, **cast.bearer("administrator"))
    assert upstream.requests == []


def test_who_may_not_read_the_mirror_makes_it_ask_nothing(
    machine: WsgiClient, upstream: StaticIndex, main: Index, cast: Cast
) -> None:
    make_mirror("outside", upstream.url)
    assert machine.get(PAGE).status == 401
    assert machine.get(PAGE, **cast.bearer("outsider")).status == 403
    assert upstream.requests == []


def test_an_offline_mirror_serves_what_it_has_and_asks_nothing(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, cast: Cast
) -> None:
    known = names(asked(machine))
    Upstream.objects.update(is_offline=True)
    generations.bump_access()
    grow_stale()
    count = len(upstream.requests)
    assert names(asked(machine)) == known
    assert machine.get("/outside/simple/acme-other/", **cast.bearer("administrator")).status == 404
    assert len(upstream.requests) == count


def test_the_first_mirror_that_has_a_name_decides(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, cast: Cast
) -> None:
    with StaticIndex() as second:
        second.publish(build_wheel("acme-tool", "9.0"))
        second.publish(build_wheel("acme-other", "3.0"))
        other = make_mirror("beyond", second.url, anonymous_read=True)
        make_group("all", mirror, other)
        assert "acme_tool-9.0-py3-none-any.whl" not in names(asked(machine, "/all/simple/acme-tool/"))
        assert names(asked(machine, "/all/simple/acme-other/")) == {"acme_other-3.0-py3-none-any.whl"}
        assert (upstream.count("/acme-other/"), second.count("/acme-tool/")) == (1, 0)
        upstream.behaviour = replace(upstream.behaviour, status=503)
        second.publish(build_wheel("acme-third", "1.0"))
        assert asked(machine, "/all/simple/acme-third/").status == 503, "the second must not speak for the first"


@pytest.mark.django_db(transaction=True)
def test_an_upstream_that_gives_no_answer_is_asked_by_one_for_all(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    upstream.behaviour = Behaviour(fault="reset")
    assert asked(machine).status == 503
    before = len(upstream.requests)
    upstream.behaviour = Behaviour()
    answer = asked(machine, "/outside/simple/acme-other/")
    assert (answer.status, answer.code, int(answer.headers["Retry-After"]) > 0) == (503, "upstream-unavailable", True)
    assert len(upstream.requests) == before
    asked_key, row = (mirror.pk, "acme-other"), MirroredProject(failure="asked")
    assert waiting.answer(asked_key, lambda: row) is row, "a job is refused nothing: it counts refusals"
    waiting._failing[mirror.pk] = 0.0  # the pause is over
    assert asked(machine, "/outside/simple/acme-nothing/").status == 404
    MirroredProject.objects.update(failed_at=None, failure="")
    assert len(names(asked(machine))) == 2


@pytest.mark.django_db(transaction=True)
def test_the_mirrors_of_a_group_are_asked_one_after_the_other(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    with StaticIndex() as second:
        second.publish(build_wheel("acme-other", "3.0"))
        make_group("all", mirror, make_mirror("beyond", second.url, anonymous_read=True))
        assert names(asked(machine, "/all/simple/acme-other/")) == {"acme_other-3.0-py3-none-any.whl"}
        assert (upstream.count("/acme-other/"), second.count("/acme-other/")) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_of_threads_that_make_pages_only_some_wait(
    upstream: StaticIndex, mirror: Index, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = cast.actor("administrator")
    assert access.open_project(actor, "outside", "acme-tool").page is not None
    assert mirror.pk in waiting._mirror_turns
    monkeypatch.setitem(waiting._mirror_turns, mirror.pk, none_left := BoundedSemaphore(1))
    none_left.acquire()
    with pytest.raises(Unavailable):
        access.open_project(actor, "outside", "acme-other")


@pytest.mark.django_db(transaction=True)
def test_while_an_upstream_fails_its_known_pages_cost_no_question_each(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    old = names(asked(machine))
    grow_stale()
    upstream.behaviour = Behaviour(status=500)
    assert names(asked(machine)) == old
    wait_until(lambda: bool(MirroredProject.objects.get().failure), 60, lambda: "nobody asked")
    wait_until(lambda: not asking._refreshing, 60, lambda: "the question never ended")
    with CaptureQueriesContext(connection) as queries:
        assert names(asked(machine)) == old
    assert [query["sql"] for query in queries if "mirroredproject" in query["sql"]] == []
    assert not asking._refreshing


@pytest.mark.django_db(transaction=True)
def test_in_read_only_mode_known_pages_are_served_and_nothing_is_asked(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    old = names(asked(machine))
    grow_stale()
    before = len(upstream.requests), list(MirroredProject.objects.values())
    read_only.remember("a move", float("inf"))
    assert names(asked(machine)) == old
    answer = asked(machine, "/outside/simple/acme-other/")
    assert (answer.status, answer.code) == (503, "read-only")
    assert answer.headers["Retry-After"]
    wait_until(lambda: not asking._refreshing, 60, lambda: "the question never ended")
    assert (len(upstream.requests), list(MirroredProject.objects.values())) == before
