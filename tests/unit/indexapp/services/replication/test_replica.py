"""A replica takes no changes of its own, looks after itself, and says of bytes that are not here that they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from accounts.models import User
from accounts.services import users
from indexapp import tasks
from indexapp.domain.file_paths import file_path
from indexapp.models import Epoch, File, Following, Index, Quota
from indexapp.services import first_start
from indexapp.services.integrity import rows
from indexapp.services.integrity.faults import Code
from indexapp.services.replication import epochs, joining, promoting, standing
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.factories.replication import PRIMARY, make_following
from tests.wsgi_client import WsgiClient
from tpi_site.kit import read_only
from tpi_site.kit.errors import Conflict
from tpi_site.kit.read_only import ReadOnly

pytestmark = pytest.mark.django_db


@pytest.fixture
def following(main: Index) -> Iterator[Following]:
    published(main)
    row = make_following()
    read_only.remember(None, float("inf"), of=standing.primary())
    yield row
    read_only.remember(None, float("inf"))


def test_changes_are_refused_by_the_primarys_name(following: Following) -> None:
    with pytest.raises(ReadOnly) as refused:
        users.create(actor=SYSTEM, username="somebody", password="a long enough password")
    assert PRIMARY in str(refused.value.detail)
    with read_only.passing(), pytest.raises(ReadOnly):
        users.create(actor=SYSTEM, username="somebody", password="a long enough password")
    assert not User.objects.filter(username="somebody").exists()


def test_a_replica_cleans_up_after_itself_and_changes_nothing_published(following: Following) -> None:
    assert tasks.sweep_blobs() == 0
    assert str(tasks.purge_trash()).startswith("Paused")
    read_only.remember("a move", float("inf"), of=PRIMARY)
    assert str(tasks.sweep_blobs()).startswith("Paused")


def test_a_start_makes_nothing(following: Following) -> None:
    User.objects.all().delete()
    first_start.run()
    assert not User.objects.exists()


def test_bytes_that_are_on_their_way_are_said_to_be(following: Following, main: Index, machine: WsgiClient) -> None:
    Index.objects.update(anonymous_read=True)
    file = File.objects.get()
    blob = file.blob
    File.objects.update(blob=None)
    path = f"/files/{file_path(file.sha256, file.filename)}"
    answer = machine.get(path)
    assert (answer.status, answer.code) == (503, "not-here-yet")
    assert answer.headers["Retry-After"]
    assert file.filename in machine.get("/simple/acme-tool/").body.decode()
    File.objects.update(blob=blob)
    assert machine.get(path).status == 200


def test_who_leaves_begins_an_epoch_and_takes_changes(following: Following, main: Index) -> None:
    newest = epochs.newest_serial()
    epoch = joining.leave(actor=SYSTEM)
    assert (epoch.number, epoch.reason, epoch.began_after) == (2, Epoch.Reason.PROMOTED, newest)
    assert standing.standing() is None
    read_only.look()
    assert read_only.why() is None


@pytest.mark.parametrize("goes_on", [joining.leave, partial(promoting.promote, asks_primary=False)])
def test_an_account_counts_the_primarys_trash_until_the_replica_goes_on_by_itself(
    following: Following, main: Index, goes_on: Callable[..., object]
) -> None:
    Following.objects.update(may_take_over=True, own_url="https://far.example/")
    real = Quota.objects.get().used
    Quota.objects.update(used=real + 1000)
    assert list(rows.quotas()) == []
    goes_on(actor=SYSTEM)
    assert Quota.objects.get().used == real > 0
    Quota.objects.update(used=real + 1000)
    assert [fault.code for fault in rows.quotas()] == [Code.QUOTA_USED]


def test_who_holds_something_does_not_join(main: Index) -> None:
    published(main)
    with pytest.raises(Conflict) as refused:
        joining.join(actor=SYSTEM, url=PRIMARY, secret="tpi_nothing")
    assert refused.value.code == "not-empty"


def test_how_a_replica_stands(following: Following) -> None:
    Following.objects.update(primary_serial=following.cursor + 3)
    found = standing.standing()
    assert found is not None
    assert (found.serials_behind, found.missing_blobs, found.contact_age) == (3, 0, None)
    assert found.as_json()["primary"] == PRIMARY
