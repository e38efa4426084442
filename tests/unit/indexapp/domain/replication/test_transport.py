from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest

from indexapp.domain.replication.rows import chunk_of, digest, plain
from indexapp.domain.replication.transport import SecretBroken, Transport, fingerprint

OURS, OTHERS = Transport("one secret"), Transport("another secret")


def test_a_secret_opens_for_its_place_and_with_its_credential_only() -> None:
    sealed = OURS.sealed("hidden", "upstream:1:password")
    assert OURS.opened(sealed, "upstream:1:password") == "hidden"
    assert "hidden" not in base64.b64decode(sealed).decode("latin-1")
    assert OURS.sealed("hidden", "upstream:1:password") != sealed
    for transport, place, text in (
        (OTHERS, "upstream:1:password", sealed),
        (OURS, "upstream:2:password", sealed),
        (OURS, "upstream:1:password", "?"),
        (OURS, "upstream:1:password", base64.b64encode(b"short").decode()),
    ):
        with pytest.raises(SecretBroken):
            transport.opened(text, place)


def test_nothing_stays_nothing() -> None:
    assert OURS.sealed("", "x") == OURS.opened("", "x") == OURS.mark("") == ""


def test_a_mark_tells_only_whether_it_is_the_same() -> None:
    assert OURS.mark("hidden") == Transport("one secret").mark("hidden") != OURS.mark("other")
    assert OURS.mark("hidden") != OTHERS.mark("hidden")


def test_the_fingerprint_of_a_pepper_is_the_credentials_own() -> None:
    assert fingerprint("pepper", "a") == fingerprint("pepper", "a")
    assert len({fingerprint("pepper", "a"), fingerprint("pepper", "b"), fingerprint("salt", "a")}) == 3


def test_the_same_moment_is_the_same_text_in_every_zone() -> None:
    moment = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    there = moment.astimezone(timezone(timedelta(hours=5)))
    assert plain(moment) == plain(there) == "2026-03-01T12:00:00.000000+00:00"
    assert plain(None) is None


def test_the_order_of_columns_does_not_count_and_that_of_rows_does() -> None:
    first, second = {"id": 1, "name": "ä"}, {"id": 2, "name": ""}
    assert digest([first, second]) == digest([dict(reversed(first.items())), second])
    assert digest([first, second]) != digest([second, first])
    assert (chunk_of(0), chunk_of(255), chunk_of(256)) == (0, 0, 1)
