from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from indexapp.models import Epoch, Index
from indexapp.services.replication import epochs
from indexapp.services.replication.epochs import Past
from tests.factories.publishing import published
from tpi_site.kit.errors import Conflict

A, B, C = (UUID(int=number) for number in (1, 2, 3))


@pytest.mark.django_db
def test_the_first_epoch_and_the_site_are_made_once() -> None:
    assert epochs.current() == epochs.current()
    assert epochs.site() == epochs.site()
    assert epochs.history() == [Past(epochs.current().uuid, 1, 0)]


@pytest.mark.django_db
def test_a_follower_within_our_past_is_known(main: Index) -> None:
    published(main)
    first, newest = epochs.current().uuid, epochs.newest_serial()
    epochs.require_known(first, 0)
    epochs.require_known(first, newest)
    later = epochs.begin(Epoch.Reason.RESTORED, began_after=newest - 1)
    epochs.require_known(first, newest - 1)
    epochs.require_known(later.uuid, newest)


@pytest.mark.django_db
def test_a_follower_beyond_our_past_is_not(main: Index) -> None:
    published(main)
    first, newest = epochs.current().uuid, epochs.newest_serial()
    wrong = [(uuid4(), 0), (first, newest + 1)]
    for epoch, since in wrong:
        with pytest.raises(Conflict) as refused:
            epochs.require_known(epoch, since)
        assert refused.value.code == "epoch-unknown"
    epochs.begin(Epoch.Reason.RESTORED, began_after=newest - 1)
    with pytest.raises(Conflict):
        epochs.require_known(first, newest)


@pytest.mark.parametrize(
    ("ours", "cursor", "theirs", "newest", "common"),
    [
        ([Past(A, 1, 0)], 7, [Past(A, 1, 0), Past(B, 2, 5)], 90, (A, 5)),
        ([Past(A, 1, 0)], 4, [Past(A, 1, 0), Past(B, 2, 5)], 90, (A, 4)),
        ([Past(A, 1, 0), Past(C, 2, 3)], 9, [Past(A, 1, 0), Past(B, 2, 5)], 90, (A, 3)),
        ([Past(A, 1, 0), Past(B, 2, 5)], 8, [Past(A, 1, 0), Past(B, 2, 5), Past(C, 3, 6)], 90, (B, 6)),
        ([Past(A, 1, 0)], 9, [Past(A, 1, 0)], 6, (A, 6)),
        ([Past(A, 1, 0)], 9, [Past(B, 1, 0)], 6, None),
    ],
)
def test_where_two_pasts_part(
    ours: list[Past], cursor: int, theirs: list[Past], newest: int, common: tuple[UUID, int] | None
) -> None:
    found = epochs.common(ours, cursor, theirs, newest)
    assert (found and (found[0].uuid, found[1])) == common
