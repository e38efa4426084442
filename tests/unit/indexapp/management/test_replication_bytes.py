"""What ``manage.py replication hold`` and ``limit`` take, keep and tell."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from indexapp.models import FetchLimit, Holding

pytestmark = pytest.mark.django_db


def told(*words: str) -> str:
    out = StringIO()
    call_command("replication", *words, stdout=out)
    return out.getvalue()


def test_a_filter_is_kept_told_and_given_up() -> None:
    said = told("hold", "--project", "acme-*", "--newest", "2", "--budget", "5G")
    for word in ("acme-*", "newest: 2"):
        assert word in said
        assert word in told("hold", "--show")
    assert Holding.objects.get().budget == 5 * 10**9
    assert "all that the primary has" in told("hold", "--clear")
    assert Holding.objects.get().budget is None


def test_a_limit_is_kept_and_given_up() -> None:
    told("limit", "--rate", "10M", "--window", "22:00-06:00", "--timezone", "Europe/Berlin")
    row = FetchLimit.objects.get()
    assert (row.rate, row.zone) == (10 * 10**6, "Europe/Berlin")
    told("limit", "--clear")
    row.refresh_from_db()
    assert (row.rate, row.windows) == (None, [])


@pytest.mark.parametrize(
    ("words", "told_why"),
    [
        (("limit", "--rate", "10MB"), "write it as"),
        (("hold", "--largest", "some"), "write it as"),
        (("hold", "--newest", "banana"), "banana"),
        (("limit", "--window", "25:00-03:00"), "25:00"),
        (("limit", "--timezone", "Mars/North", "--window", "22:00-06:00"), "Mars/North"),
        (("hold", "--platform", "amiga"), "amiga"),
        (("hold", "--newest", "0"), "0"),
        (("hold", "--budget", "0", "--show"), "each call says all of it"),
        (("limit", "--rate", "0"), "rate"),
        (("limit", "--timezone", "Europe/Berlin"), "--window"),
        (("hold", "--clear", "--newest", "2"), "clear"),
    ],
)
def test_what_cannot_be_meant_changes_nothing_and_says_why(words: tuple[str, ...], told_why: str) -> None:
    with pytest.raises(CommandError, match=told_why):
        told(*words)
    assert not Holding.objects.exists()
    assert not FetchLimit.objects.exists()
