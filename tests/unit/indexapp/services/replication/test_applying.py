"""A batch that is given and taken by one database: whatever was there in between, the rows are those of before."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import Token, User
from accounts.services import generations
from indexapp.domain.replication import batches
from indexapp.domain.replication.batches import Batch
from indexapp.domain.replication.transport import Transport
from indexapp.models import Blob, Change, File, Index, Project, Release, Role, Trashed, Upstream, WantedBlob
from indexapp.services import releases
from indexapp.services.replication import applying, epochs, following, giving, joining
from indexapp.services.replication.giving import Wish
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_token, make_user
from tests.factories.publishing import make_index, published
from tests.factories.upstreams import make_mirror
from tests.servers.inside.replication import replicated

pytestmark = [pytest.mark.django_db, pytest.mark.database]
SECRET = Transport("a credential")


def given(**wish: Any) -> Batch:
    lines = giving.batch(Wish(**({"since": 0, "epoch": epochs.current().uuid, "digests": {}} | wish)), SECRET)
    return batches.read(lines)


def take(batch: Batch) -> None:
    with transaction.atomic():
        applying.apply(batch, SECRET)


@pytest.fixture
def world(cast: Cast) -> Index:
    epochs.current()
    published(cast.index)
    published(cast.index, build_wheel("other-tool", "2.0"))
    make_token(make_user("somebody"))
    make_mirror("https://there.example/simple/", username="we", password="hidden")
    return cast.index


def test_an_emptied_installation_becomes_what_the_batch_was_made_of(world: Index) -> None:
    before, batch = replicated(), given()
    sealed = Upstream.objects.get().password
    with transaction.atomic():
        applying.empty()
        applying.apply(batch, SECRET)
    assert replicated() == before
    assert Upstream.objects.get().password != sealed, "it is sealed anew"


def test_what_was_changed_meanwhile_is_put_right(world: Index) -> None:
    before, batch = replicated(), given()
    Project.objects.update(summary="forged")
    File.objects.filter(project__normalized_name="other-tool").update(is_yanked=True)
    Token.objects.update(name="forged")
    make_user("nobody-there-knows")
    Role.objects.all().delete()
    Release.objects.filter(project__normalized_name="other-tool").delete()
    make_index("foreign")
    take(batch)
    assert replicated() == before


def test_what_is_the_same_is_not_touched(world: Index) -> None:
    batch = given(digests=following.digests(SECRET))
    assert batch.tables == []
    access, files = giving.generations(), list(File.objects.values_list("pk", "blob_id"))
    take(batch)
    assert giving.generations() == access
    assert list(File.objects.values_list("pk", "blob_id")) == files


def test_a_project_that_is_gone_is_taken_out_and_one_made_anew_takes_its_place(world: Index) -> None:
    batch = given()
    batch.projects[:] = [batches.Touched(each.index, each.name, None) for each in batch.projects]
    batch.rows.clear()
    take(batch)
    assert not Project.objects.exists()


def test_columns_of_this_sites_own_stay(world: Index) -> None:
    batch = given()
    user = User.objects.get(username="somebody")
    User.objects.filter(pk=user.pk).update(last_login=user.date_joined, first_name="Other")
    take(batch)
    user.refresh_from_db()
    assert user.last_login is not None
    assert user.first_name == ""


def test_bytes_that_are_not_here_are_wanted_once_for_all_their_files(world: Index) -> None:
    again = make_index("again")
    published(again)
    batch = given()
    own = File.objects.filter(project__normalized_name="acme-tool").order_by("pk")
    sha256 = own[0].sha256
    keys = [file.pk for file in own]
    File.objects.update(blob=None, metadata_blob=None)
    Blob.objects.all().delete()
    take(batch)
    take(batch)
    assert not File.objects.filter(blob__isnull=False).exists()
    wanted = WantedBlob.objects.get(sha256=sha256)
    assert wanted.files == keys
    assert wanted.rank == WantedBlob.Rank.HOSTED


def test_a_batch_without_digests_says_that_it_needs_them(world: Index) -> None:
    batch = given(digests=None)
    assert batch.head["asks_for_digests"]
    assert (batch.changes, batch.projects, batch.tables) == ([], [], [])
    assert batch.head["upto"] == 0
    assert not given(digests=None, since=epochs.newest_serial(), generations=giving.generations()).head[
        "asks_for_digests"
    ]


def test_a_long_log_comes_in_batches_each_project_once(world: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    before = replicated()
    monkeypatch.setattr(giving, "_MOST_CHANGES", 1)
    all_of_it, since = [], 0
    while since < epochs.newest_serial():
        batch = given(since=since)
        assert len(batch.changes) <= 1
        all_of_it.append(batch)
        since = batch.head["upto"]
    assert len(all_of_it) > 2
    touched = [(each.index, each.name) for batch in all_of_it for each in batch.projects]
    assert len(touched) == len(set(touched))
    with transaction.atomic():
        applying.empty()
        for batch in all_of_it:
            applying.apply(batch, SECRET)
    assert replicated() == before


def test_what_came_after_the_common_past_gives_way(world: Index) -> None:
    serial = epochs.newest_serial()
    batch = given(since=serial, digests={})
    Change.objects.create(kind="file-added", index_id=world.pk, index_name="main", actor_name="x")
    with transaction.atomic():
        applying.apply(batch, SECRET, rewound_to=serial)
    assert epochs.newest_serial() == serial


def test_new_rows_get_keys_after_those_that_were_copied(world: Index) -> None:
    before = Project.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    with transaction.atomic():
        batch = given()
        applying.empty()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT setval(pg_get_serial_sequence('indexapp_project', 'id'), 1)")
        applying.apply(batch, SECRET)
        joining.continue_numbering()
    assert published(Index.objects.get(name="main"), build_wheel("newer", "1.0")).project_id > before


def test_a_deleted_release_is_deleted_there(world: Index) -> None:
    serial = epochs.newest_serial()
    snapshot = given()
    releases.delete(actor=SYSTEM, release=Release.objects.get(project__normalized_name="other-tool"))
    after, batch = replicated(), given(since=serial)
    Trashed.objects.all().delete()
    with transaction.atomic():
        applying.empty()
        applying.apply(snapshot, SECRET)
        applying.apply(batch, SECRET)
    assert replicated() == after
    assert generations.policy() > 0
