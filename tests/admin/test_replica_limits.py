"""What a replica holds, and when it fetches, in the console: filters are shown with what they would do before they count."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry
from indexapp.domain.replication.holding import Hold, read
from indexapp.models import FetchLimit, Following, Holding, Index
from indexapp.services.replication import choosing, epochs, standing
from tests.builders.wheels import build_wheel
from tests.factories.browsers import grow_stale
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.factories.replication import make_following
from tpi_site.kit import read_only

pytestmark = pytest.mark.django_db
LIST = "/admin/indexapp/replica/"
HOLD, LIMIT = f"{LIST}hold/", f"{LIST}limit/"


@pytest.fixture
def as_replica(main: Index) -> Iterator[Following]:
    """This site as one that takes no changes and has two releases of a project."""
    epochs.current()
    for version in ("1.0", "2.0"):
        published(main, build_wheel("tool", version))
    row = make_following()
    read_only.remember(None, float("inf"), of=standing.primary())
    yield row
    read_only.remember(None, float("inf"))


def words(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_filters_are_shown_first_and_applied_when_they_come_again(root: Client, as_replica: Following) -> None:
    wish = {"newest": "1", "indexes": "main\nteam-*", "budget": "1 GB", "without_sdists": "on"}
    shown = root.post(HOLD, wish)
    text = words(shown)
    assert "What these filters would do" in text
    assert re.search(r"Would be dropped 1 file, ", text)
    assert re.search(r"Would be fetched 0 files, ", text)
    assert not Holding.objects.exists()
    mark = shown.context["mark"]
    done = root.post(HOLD, wish | {"confirmed": "yes", "previewed": mark}, follow=True)
    row = Holding.objects.get()
    assert (row.filters["newest"], row.filters["indexes"], row.budget) == (1, ["main", "team-*"], 10**9)
    assert (row.filters["with_sdists"], row.filters["with_prereleases"]) == (False, True)
    text = words(done)
    assert "It is being applied" in text
    assert "Newest releases 1" in text
    assert "Indexes main, team-*" in text
    assert "No source distributions yes" in text
    assert AuditEntry.objects.filter(action="replication.hold").count() == 1
    again = root.get(HOLD)
    assert again.context["form"].initial["newest"] == 1
    assert again.context["form"].initial["without_sdists"] is True


def test_other_filters_than_were_shown_are_shown_again(root: Client, as_replica: Following) -> None:
    mark = root.post(HOLD, {"newest": "1"}).context["mark"]
    other = root.post(HOLD, {"newest": "2", "confirmed": "yes", "previewed": mark})
    assert "They were changed since they were shown" in words(other)
    assert not Holding.objects.exists()
    choosing.hold(actor=SYSTEM, wanted=Hold(indexes=["main"]))
    late = root.post(HOLD, {"newest": "1", "confirmed": "yes", "previewed": mark})
    assert "They were changed since they were shown" in words(late), "somebody else has said others meanwhile"
    assert read(Holding.objects.get().filters).files.newest is None


@pytest.mark.parametrize(
    ("page", "given", "sentence"),
    [
        (HOLD, {"newest": "0"}, "greater than or equal to 1"),
        (HOLD, {"indexes": "a b"}, "patterns of them"),
        (HOLD, {"budget": "much"}, "Write a size"),
        (HOLD, {"platforms": "amiga"}, "not one of the available choices"),
        (LIMIT, {"rate": "5"}, "bytes a second or more"),
        (LIMIT, {"windows": "at night"}, "It was not done"),
        (LIMIT, {"windows": "22:00-06:00", "zone": "Europe/Atlantis"}, "is no time zone"),
    ],
)
def test_what_cannot_be_meant_is_said_and_changes_nothing(
    root: Client, as_replica: Following, page: str, given: dict[str, str], sentence: str
) -> None:
    answer = root.post(page, given | {"confirmed": "yes"})
    assert sentence in words(answer)
    assert "It was not done" in words(answer)
    assert not Holding.objects.exists()
    assert not FetchLimit.objects.exists()


def test_limits_are_set_and_lifted(root: Client, as_replica: Following) -> None:
    text = words(
        root.post(
            LIMIT, {"confirmed": "yes", "rate": "5 MB", "windows": "00:00-23:59", "zone": "Europe/Berlin"}, follow=True
        )
    )
    assert FetchLimit.objects.values_list("rate", "windows", "zone").get() == (
        5_000_000,
        ["00:00-23:59"],
        "Europe/Berlin",
    )
    assert "4.8 MiB a second" in text
    assert "00:00-23:59 (Europe/Berlin)" in text
    assert root.get(LIMIT).context["form"].initial["rate"] == 5_000_000
    assert "at any time" in words(root.post(LIMIT, {"confirmed": "yes"}, follow=True))
    assert FetchLimit.objects.values_list("rate", "windows", "zone").get() == (None, [], "UTC")


def test_they_ask_for_a_fresh_sign_in_and_for_an_administrator(
    root: Client, operator: Client, as_replica: Following
) -> None:
    assert operator.get(HOLD).status_code == operator.post(LIMIT, {}).status_code == 404
    assert 'href="/admin/indexapp/replica/hold/"' not in operator.get(LIST).content.decode()
    assert 'href="/admin/indexapp/replica/hold/"' in root.get(LIST).content.decode()
    grow_stale()
    for page in (HOLD, LIMIT):
        answer = root.post(page, {"confirmed": "yes"})
        assert answer.headers["Location"].startswith("/account/confirm/?next=")
    assert not FetchLimit.objects.exists()


def test_before_it_joins_they_are_offered_too(root: Client) -> None:
    text = root.get(LIST).content.decode()
    assert 'href="/admin/indexapp/replica/hold/"' in text
    mark = root.post(HOLD, {"newest": "1"}).context["mark"]
    root.post(HOLD, {"newest": "1", "confirmed": "yes", "previewed": mark})
    assert Holding.objects.get().filters["newest"] == 1
