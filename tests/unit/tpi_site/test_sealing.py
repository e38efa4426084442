from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

from tpi_site.kit import key_ring, sealing
from tpi_site.kit.errors import Unavailable


@pytest.fixture
def ring(settings, tmp_path: Path) -> Path:
    path = tmp_path / "keyring.json"
    settings.TPI_KEYRING = f"file:{path}"
    return path


def _write(path: Path, current: str, **keys: bytes) -> None:
    encoded = {name: base64.b64encode(key).decode() for name, key in keys.items()}
    path.write_text(json.dumps({"current": current, "keys": encoded}))
    key_ring.forget()


def test_a_sealed_secret_opens_again_and_does_not_show_itself(ring: Path) -> None:
    sealed = sealing.seal("hunter2 ü", "directory")

    assert "hunter2" not in sealed
    assert sealing.unseal(sealed, "directory") == "hunter2 ü"
    assert sealing.seal("hunter2 ü", "directory") != sealed


def test_nothing_stays_nothing(ring: Path) -> None:
    assert sealing.seal("", "directory") == ""
    assert sealing.unseal("", "directory") == ""


def test_the_ring_is_made_for_its_owner_alone(ring: Path) -> None:
    sealing.seal("secret", "directory")

    assert stat.S_IMODE(ring.stat().st_mode) == 0o600


def test_a_secret_does_not_open_for_another_purpose(ring: Path) -> None:
    sealed = sealing.seal("secret", "directory:1")

    with pytest.raises(Unavailable):
        sealing.unseal(sealed, "directory:2")


@pytest.mark.parametrize(
    "broken", ["s1", "s1.x", "plain", "s1.nokey.AAAA", "s9.{id}.{text}", "s1.{id}.{changed}", "s1.{id}.ü"]
)
def test_what_was_not_sealed_so_is_refused(ring: Path, broken: str) -> None:
    _version, key_id, text = sealing.seal("secret", "directory").split(".")
    changed = text[:20] + ("A" if text[20] != "A" else "B") + text[21:]

    with pytest.raises(Unavailable):
        sealing.unseal(broken.format(id=key_id, text=text, changed=changed), "directory")


def test_after_a_rotation_old_secrets_open_and_new_ones_name_the_new_key(ring: Path) -> None:
    _write(ring, "one", one=b"1" * 32)
    old = sealing.seal("secret", "directory")
    _write(ring, "two", one=b"1" * 32, two=b"2" * 32)

    assert sealing.unseal(old, "directory") == "secret"
    assert sealing.seal("secret", "directory").startswith("s1.two.")


def test_a_secret_whose_key_is_gone_is_refused_with_what_to_do(ring: Path) -> None:
    _write(ring, "one", one=b"1" * 32)
    old = sealing.seal("secret", "directory")
    _write(ring, "two", two=b"2" * 32)

    with pytest.raises(Unavailable, match="restore the key ring"):
        sealing.unseal(old, "directory")


def test_a_ring_may_come_from_the_environment(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TPI_KEYRING = "env:MY_RING"
    key = base64.b64encode(b"3" * 32).decode()
    monkeypatch.setenv("MY_RING", json.dumps({"current": "three", "keys": {"three": key}}))

    assert sealing.unseal(sealing.seal("secret", "x"), "x") == "secret"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"current": "a", "keys": {}}', '{"current": "a", "keys": {"a": "c2hvcnQ="}}', "null"]
)
def test_a_broken_ring_is_told(ring: Path, text: str) -> None:
    ring.write_text(text)
    key_ring.forget()

    with pytest.raises(sealing.KeyRingBroken):
        sealing.key_ring()
