"""Upstreams that break off, refuse, drip or are not to be asked."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest

from indexapp.models import File, Index
from indexapp.services.mirrors.fetching import download as downloads
from indexapp.services.mirrors.fetching import receiving, running
from indexapp.services.mirrors.fetching.download import BrokenOff
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.servers.static_index import Behaviour, StaticIndex
from tests.unit.indexapp.services.mirrors.fetching.asked import address, fetched, kept, settled, when_begun
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whatever_ends_a_thread_its_place_is_free_again(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = address(machine, large.filename)
    row = File.objects.get(filename=large.filename).pk

    def ended(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(downloads.receiving, "receive", ended)
        download = running.follow(row)
        assert download is not None
        settled()
    assert download.failure is not None
    with pytest.raises(BrokenOff):
        download.read(0)
    download.leave()
    assert machine.get(path).body == large.content


def test_a_broken_connection_is_gone_on_with(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(fault="truncate", on="file")
    asked: list[int] = []
    real = receiving.open_file

    def once_bad(*arguments: Any, **named: Any) -> Any:
        asked.append(named["start"])
        if len(asked) > 1:
            upstream.behaviour = Behaviour()
        return real(*arguments, **named)

    monkeypatch.setattr(receiving, "open_file", once_bad)
    assert machine.get(path).body == large.content
    assert asked[0] == 0 < asked[1]
    assert kept(large.filename).blob is not None


def test_without_parts_it_begins_again_and_is_held_against_what_came(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(fault="truncate", on="file", has_etags=False, has_ranges=False)
    real, tries = receiving.open_file, []

    def once_bad(*arguments: Any, **named: Any) -> Any:
        tries.append(named["start"])
        if len(tries) > 1:
            upstream.behaviour = Behaviour(has_etags=False, has_ranges=False)
        return real(*arguments, **named)

    monkeypatch.setattr(receiving, "open_file", once_bad)
    assert machine.get(path).body == large.content
    assert tries == [0, 0] or len(tries) == 2


def test_an_upstream_that_always_breaks_off_gives_nothing(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(fault="truncate", on="file", has_ranges=False)
    is_begun, tries, real = Event(), [0], receiving.open_file

    def later(*arguments: Any, **named: Any) -> Any:
        tries[0] += 1
        assert tries[0] == 1 or is_begun.wait(60)
        return real(*arguments, **named)

    monkeypatch.setattr(receiving, "open_file", later)
    with pytest.raises(BrokenOff, match="upstream"):
        when_begun(machine, is_begun.set).get(path)
    assert kept(large.filename).blob is None


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(status=500),
        Behaviour(status=429, retry_after="7"),
        Behaviour(fault="reset"),
        Behaviour(fault="garbage"),
        Behaviour(redirect_to="http://10.255.255.1/"),
        Behaviour(redirect_to="file:///etc/passwd"),
    ],
)
def test_a_failing_upstream_is_503_and_not_404(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, behaviour: Behaviour
) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = behaviour
    answer = machine.get(path)
    assert (answer.status, answer.code) == (503, "upstream-unavailable")
    assert answer.headers["Retry-After"]


def test_what_the_upstream_has_no_more_is_said(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    path = address(machine, large.filename)
    upstream.remove(large.filename)
    for _ in range(2):
        answer = machine.get(path)
        assert (answer.status, answer.code) == (410, "upstream-gone")
    assert upstream.count(large.filename) == 1


def test_an_offline_mirror_serves_what_it_has(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built
) -> None:
    other = build_wheel("acme-tool", "1.0")
    path = address(machine, other.filename)
    assert fetched(machine, large).body == large.content
    settled()
    mirror.upstream.is_offline = True
    mirror.upstream.save()
    assert fetched(machine, large).status == 200
    answer = machine.get(path)
    assert (answer.status, answer.code) == (503, "upstream-unavailable")
    assert upstream.count(other.filename) == 0


def test_an_upstream_that_drips_is_given_up(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, large: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = address(machine, large.filename)
    upstream.behaviour = Behaviour(fault="drip", on="file")
    with pytest.raises(BrokenOff, match="bytes a second"):  # the first few had been sent on
        when_begun(machine, lambda: monkeypatch.setattr(downloads, "_WINDOW", 0.0)).get(path)
    assert kept(large.filename).blob is None
