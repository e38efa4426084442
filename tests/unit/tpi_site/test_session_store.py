from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session

from tpi_site.kit.session_store import SessionStore

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def store(db: None) -> SessionStore:
    made = SessionStore()
    made["word"] = "kept"
    made.create()
    made.save()
    return made


def test_what_was_kept_is_found_by_the_key(store: SessionStore) -> None:
    assert SessionStore(store.session_key)["word"] == "kept"
    assert store.exists(str(store.session_key))


def test_the_key_is_not_in_the_table_and_what_is_there_opens_nothing(store: SessionStore) -> None:
    row = Session.objects.get()
    assert str(store.session_key) not in str(vars(row))
    assert SessionStore(row.session_key).get("word") is None
    assert not store.exists(row.session_key)


def test_another_pepper_finds_nothing(store: SessionStore, settings: object) -> None:
    settings.TPI_TOKEN_PEPPER = "another pepper"  # type: ignore[attr-defined]
    assert SessionStore(store.session_key).get("word") is None


def test_a_changed_session_is_the_same_row_and_a_new_key_another(store: SessionStore) -> None:
    store["word"] = "changed"
    store.save()
    assert Session.objects.count() == 1
    old = store.session_key
    store.cycle_key()
    assert Session.objects.count() == 1
    assert SessionStore(old).get("word") is None
    assert SessionStore(store.session_key)["word"] == "changed"


@pytest.mark.parametrize("by_key", [True, False])
def test_an_ended_session_leaves_no_row(store: SessionStore, by_key: bool) -> None:
    store.delete(store.session_key if by_key else None)
    assert not Session.objects.exists()
    SessionStore().delete()


def test_an_expired_session_is_not_found(store: SessionStore) -> None:
    store.set_expiry(-1)
    store.save()
    assert SessionStore(store.session_key).get("word") is None
