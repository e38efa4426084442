"""Once a site is told to be fenced nothing of it is committed any more, however long ago it began."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connections, transaction

from accounts.models import Team, User
from accounts.services import generations, teams
from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.replication.takeovers import Claim
from indexapp.models import Fence, File, Index, Replica
from indexapp.services import changes
from indexapp.services.replication import epochs, fences
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import multipart, published
from tests.factories.replication import make_replica
from tests.wsgi_client import WsgiClient
from tpi_site.kit import read_only
from tpi_site.kit.errors import Unavailable
from tpi_site.kit.read_only import ReadOnly

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def heir() -> Iterator[Replica]:
    epochs.current()
    yield make_replica("far", may_take_over=True, url="https://far.example/", site=uuid4())
    read_only.remember(None, float("inf"))


def claim(heir: Replica) -> Claim:
    assert heir.site is not None
    return Claim(heir.site, heir.url, uuid4(), epochs.newest_serial(), is_final=False)


def test_what_began_before_the_fence_is_not_committed_after_it(heir: Replica, cast: Cast, machine: WsgiClient) -> None:
    published(cast.index)
    uploader = machine.signed(cast.bearer("uploader"))
    fences.obey(heir, claim(heir))
    read_only.remember(None, float("inf"))  # the process that looked before the fence was set
    body, content_type = multipart(build_wheel(version="9.0"))
    answer = uploader.post("/legacy/", body, Content_Type=content_type)
    assert (answer.status, answer.code) == (503, "read-only")
    assert "https://far.example/" in answer.reason
    assert not File.objects.filter(filename__contains="9.0").exists()
    with pytest.raises(ReadOnly):
        teams.create(actor=SYSTEM, name="late")
    assert not Team.objects.filter(name="late").exists()


def fence_set(heir: Replica, told: Claim) -> int:
    """The newest serial that the fenced site answers with, from a connection of its own."""
    try:
        return fences.obey(heir, told)
    finally:
        connections.close_all()


def test_what_is_about_to_be_committed_is_in_what_the_fenced_site_tells(heir: Replica, main: Index) -> None:
    told = claim(heir)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            serial = changes.record(actor=SYSTEM, kind=ChangeKind.INDEX_CHANGED, index=main)
            setting = pool.submit(fence_set, heir, told)
            with pytest.raises(TimeoutError):
                setting.result(1.0)
        assert setting.result(30) == serial


def test_a_right_that_is_about_to_be_given_is_waited_for(heir: Replica, main: Index) -> None:
    generations.bump_access()
    told = claim(heir)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            generations.bump_access()
            User.objects.create(username="given")
            setting = pool.submit(fence_set, heir, told)
            with pytest.raises(TimeoutError):
                setting.result(1.0)
        setting.result(30)
    assert Fence.objects.exists()


def test_a_change_that_never_ends_keeps_the_fence_from_being_told_as_set(
    heir: Replica, main: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sets it is told to ask again, and does not take over believing that the site stopped."""
    monkeypatch.setattr(fences, "_PATIENCE", 100)
    told = claim(heir)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        changes.record(actor=SYSTEM, kind=ChangeKind.INDEX_CHANGED, index=main)
        setting = pool.submit(fence_set, heir, told)
        with pytest.raises(Unavailable) as refused:
            setting.result(60)
        assert refused.value.code == "fence-waits"
    assert not Fence.objects.exists()
