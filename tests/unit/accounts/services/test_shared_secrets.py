from __future__ import annotations

import hmac
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import SharedSecret
from accounts.services import shared_secrets
from accounts.services.keys import ring as rings
from tests.factories.directories import silent_directory
from tests.factories.people import SYSTEM
from tpi_site.kit import key_ring
from tpi_site.kit.errors import Conflict

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def _ring(settings: Any, tmp_path: Path) -> None:
    """A ring of its own: tests in other processes add keys to the common one."""
    settings.TPI_KEYRING = f"file:{tmp_path / 'keyring.json'}"


def test_a_node_with_the_same_secrets_starts_again_and_again() -> None:
    shared_secrets.agree()
    first = dict(SharedSecret.objects.values_list("name", "fingerprint"))
    assert {"TPI_SECRET_KEY", "TPI_TOKEN_PEPPER", "TPI_AUDIT_KEY"} <= first.keys()
    assert any(name.startswith("TPI_KEYRING key ") for name in first)
    shared_secrets.agree()
    assert dict(SharedSecret.objects.values_list("name", "fingerprint")) == first


@pytest.mark.parametrize(
    ("setting", "name"), [("SECRET_KEY", "TPI_SECRET_KEY"), ("TPI_TOKEN_PEPPER", "TPI_TOKEN_PEPPER")]
)
def test_a_node_with_another_secret_is_refused_until_it_is_accepted(settings: Any, setting: str, name: str) -> None:
    shared_secrets.agree()
    before = list(SharedSecret.objects.values_list())
    setattr(settings, setting, "another secret that is long enough")
    for ask in (shared_secrets.agree, shared_secrets.require_same):
        with pytest.raises(Conflict, match=f"This node's {name} is not that of the installation") as refused:
            ask()
        assert refused.value.code == "secrets-differ"
        assert "another secret" not in refused.value.detail
    assert list(SharedSecret.objects.values_list()) == before
    said = StringIO()
    call_command("accept_secret", name, stdout=said)
    assert said.getvalue() == f"{name} of this node is that of the installation.\n"
    shared_secrets.require_same()
    with pytest.raises(CommandError, match="no secret named"):
        call_command("accept_secret", "TPI_NONSENSE")


def test_the_key_ring_may_grow_and_lose_what_wraps_nothing() -> None:
    shared_secrets.agree()
    added = rings.add_key(actor=SYSTEM)
    shared_secrets.agree()
    assert SharedSecret.objects.filter(name=f"TPI_KEYRING key {added}").exists()
    silent_directory(bind_dn="cn=tpi", bind_password="sealed with the new key")
    ring = key_ring.key_ring()
    lost = next(key_id for key_id in ring.keys if key_id != added)
    if rings.users_of(lost):
        pytest.fail("the test wants a key that wraps nothing")
    rings.remove_key(actor=SYSTEM, key_id=lost)
    shared_secrets.agree()
    assert not SharedSecret.objects.filter(name=f"TPI_KEYRING key {lost}").exists()


def test_a_ring_that_lacks_a_key_in_use_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    shared_secrets.agree()
    SharedSecret.objects.create(name="TPI_KEYRING key other", fingerprint="0" * 64)
    monkeypatch.setattr(shared_secrets, "users_of", lambda key_id: {"blobs": 3} if key_id == "other" else {})
    with pytest.raises(Conflict, match="lacks the key 'other', which wraps 3 blobs"):
        shared_secrets.require_same()


def test_a_fingerprint_is_another_for_each_name() -> None:
    found = shared_secrets.fingerprint("a", b"secret")
    assert shared_secrets.is_of(found, "a", b"secret")
    assert not shared_secrets.is_of(found, "b", b"secret")
    assert not shared_secrets.is_of(found, "a", b"secreu")
    assert shared_secrets.fingerprint("a", b"secret")[32:] != found[32:], "each has a salt"


def test_fingerprints_of_before_are_known_and_made_anew(settings: Any) -> None:
    shared_secrets.agree()
    name, word = "TPI_TOKEN_PEPPER", settings.TPI_TOKEN_PEPPER
    old = hmac.digest(word.encode(), f"tpi:fingerprint:{name}".encode(), "sha256").hex()
    SharedSecret.objects.filter(name=name).update(fingerprint=old)
    shared_secrets.agree()
    found = SharedSecret.objects.get(name=name).fingerprint
    assert found != old
    assert shared_secrets.is_of(found, name, word.encode())


def test_no_ring_is_made_in_place_of_one_that_is_missing(tmp_path: Path) -> None:
    shared_secrets.agree()
    (tmp_path / "keyring.json").unlink()
    key_ring.forget()
    with pytest.raises(key_ring.KeyRingBroken, match="is missing where TPI_KEYRING says"):
        shared_secrets.agree()
    assert not (tmp_path / "keyring.json").exists()
