"""Where a token is used from, and that noting it keeps no read waiting."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.domain.verbs import Verb
from accounts.models import Token
from accounts.services import token_use, tokens
from tests.factories.cast import Cast
from tests.factories.people import make_token
from tests.factories.requests import seen_from
from tpi_site.kit.errors import Unauthenticated

pytestmark = [pytest.mark.database, pytest.mark.django_db]
NETWORKS = ["192.0.2.0/24", "2001:db8::/32"]


@pytest.mark.parametrize("address", ["192.0.2.9", "::ffff:192.0.2.9", "2001:db8::7"])
def test_a_token_works_from_its_networks(cast: Cast, address: str) -> None:
    _, text = make_token(cast.reader, networks=NETWORKS)
    with seen_from(address):
        assert tokens.recognise(text) is not None


@pytest.mark.parametrize("address", ["198.51.100.1", "2001:db9::7", "::192.0.2.9", "", "unknown"])
def test_a_token_works_from_nowhere_else(cast: Cast, address: str) -> None:
    row, text = make_token(cast.reader, networks=NETWORKS)
    with seen_from(address), pytest.raises(Unauthenticated) as caught:
        tokens.recognise(text)
    assert caught.value.code == "token-network"
    assert address in caught.value.detail
    assert "192.0.2.0" not in caught.value.detail
    row.refresh_from_db()
    assert row.last_used_at is None


def test_a_wrong_secret_is_not_told_of_networks(cast: Cast) -> None:
    row, text = make_token(cast.reader, networks=NETWORKS)
    Token.objects.filter(pk=row.pk).update(digest="0" * 64)
    with seen_from("198.51.100.1"):
        assert tokens.recognise(text) is None


def test_time_address_and_client_of_a_use_are_noted(cast: Cast) -> None:
    row, text = make_token(cast.reader)
    with seen_from("192.0.2.9", 'pip/25.0 {"ci":true,"cpu":"x86_64"}'):
        tokens.recognise(text)
    token_use.write()
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert (row.last_address, row.last_client) == ("192.0.2.9", "pip/25.0")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("twine/6.0.1 requests/2.32.3 setuptools/75", "twine/6.0.1 requests/2.32.3 setuptools/75"),
        ("Mozilla/5.0 (X11; Linux)", "Mozilla/5.0"),
        ("uv/0.5.1 {", "uv/0.5.1"),
        ("", ""),
        ("x" * 500, "x" * 60),
        ("a\x00b\x1b[31m\nc\u202e", "ab[31mc"),
        ("(nothing but a comment)", ""),
    ],
)
def test_a_client_is_named_in_short(sent: str, kept: str) -> None:
    assert token_use._short(sent) == kept


def test_the_next_use_is_noted_after_ten_minutes_with_its_own_address(cast: Cast) -> None:
    row, text = make_token(cast.reader)
    for address in ("192.0.2.1", "192.0.2.2"):
        with seen_from(address):
            tokens.recognise(text)
            token_use.write()
    row.refresh_from_db()
    assert row.last_address == "192.0.2.1"
    Token.objects.update(last_used_at=timezone.now() - timedelta(minutes=11))
    with seen_from("192.0.2.3"):
        tokens.recognise(text)
    token_use.write()
    row.refresh_from_db()
    assert row.last_address == "192.0.2.3"


@contextmanager
def _somebody_writing(key_id: str) -> Iterator[None]:
    """Another connection holds what the note needs: SQLite's write lock, or the row."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"], uri=True, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM accounts_token WHERE key_id = %s FOR UPDATE", [key_id])
            yield
            cursor.execute("ROLLBACK")
    finally:
        other.close()


@pytest.mark.django_db(transaction=True)
def test_a_busy_writer_keeps_no_read_waiting(cast: Cast) -> None:
    row, text = make_token(cast.reader)
    with _somebody_writing(row.key_id):
        assert tokens.recognise(text) is not None
        token_use.write()  # a patient one would be held up for a minute or for ever
    row.refresh_from_db()
    assert row.last_used_at is None
    token_use.write()
    row.refresh_from_db()
    assert row.last_used_at is not None


def test_other_writes_are_as_patient_as_before(cast: Cast) -> None:
    if connection.vendor != "sqlite":
        return
    connection.ensure_connection()

    def patience() -> Any:
        return connection.connection.execute("PRAGMA busy_timeout").fetchone()[0]

    before = patience()
    make_token(cast.reader)
    tokens.recognise(cast.token("reader", [Verb.READ]))
    assert before == patience() > 1000
