"""What holds of the ring wherever it lies, and of every service outside that wraps its keys."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.servers.key_services import TOKEN, KeyService, Kms, Vault
from tpi_site.kit import key_ring
from tpi_site.kit.key_ring import KeyRingBroken, KeySourceAway, with_new_key, without_key
from tpi_site.kit.keys import kms, places, vault
from tpi_site.kit.keys.addresses import place_at

OUTSIDE = ("vault", "kms")
KINDS = ("file", "env", *OUTSIDE)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, KeyService]]:
    folder = tmp_path_factory.mktemp("key-services")
    found: dict[str, KeyService] = {"vault": Vault(folder), "kms": Kms(folder)}
    yield found
    for each in found.values():
        each.stop()


@pytest.fixture(autouse=True)
def _fresh_process(settings: Any, monkeypatch: pytest.MonkeyPatch, services: dict[str, KeyService]) -> Iterator[None]:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    settings.TPI_VAULT_TOKEN = TOKEN
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATPI")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-nobody")
    monkeypatch.delenv("TPI_VAULT_TOKEN_FILE", raising=False)
    for each in services.values():
        each.fault, each.drips = None, False
        each.has_begun_to_drip.clear()
        each.asked.clear()
    key_ring.forget()
    yield
    key_ring.forget()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ring is."""
    return tmp_path / "ring.json"


def choose(kind: str, settings: Any, path: Path, services: dict[str, KeyService], **other: str) -> None:
    """Let the installation's ring be of this kind."""
    if kind in OUTSIDE:
        settings.TPI_KEY_SOURCE_CA = str(other.get("ca_file", services[kind].ca_file))
    addresses = {
        "file": f"file:{path}",
        "env": "env:RING_OF_A_TEST",
        "vault": f"vault:https://{services['vault'].host}/transit/{other.get('key', 'tpi')}?ring={path}",
        "kms": f"kms:{other.get('key', Kms.KEY)}?ring={path}&region=eu-central-1&endpoint=https://{services['kms'].host}",
    }
    settings.TPI_KEYRING = addresses[kind]
    key_ring.forget()


@pytest.fixture(params=KINDS)
def kind(
    request: pytest.FixtureRequest,
    settings: Any,
    path: Path,
    services: dict[str, KeyService],
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    if request.param == "env":
        choose("file", settings, path, services)
        monkeypatch.setenv("RING_OF_A_TEST", key_ring.as_json(key_ring.key_ring()))
    choose(request.param, settings, path, services)
    return str(request.param)


@pytest.fixture(params=OUTSIDE)
def outside(request: pytest.FixtureRequest, settings: Any, path: Path, services: dict[str, KeyService]) -> KeyService:
    """A service that wraps the keys of the installation's ring, which is there."""
    choose(request.param, settings, path, services)
    key_ring.key_ring()
    key_ring.forget()
    services[request.param].asked.clear()
    return services[request.param]


def another_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let long enough pass for the source to be asked again."""
    monkeypatch.setattr(places, "RETRY", 0.0)
    monkeypatch.setattr(places, "CONFIRM", 0.0)


def test_another_process_opens_what_this_one_wrapped(kind: str) -> None:
    wrapped = key_ring.key_ring().wrap(b"secret", "test")
    name = key_ring.key_ring().name_of("0" * 64)
    key_ring.forget()
    assert key_ring.key_ring().unwrap(wrapped, "test") == b"secret"
    assert key_ring.key_ring().name_of("0" * 64) == name
    assert key_ring.standing().fault == ""


def test_a_rotation_is_seen_without_a_restart_where_the_ring_can_be_written(kind: str) -> None:
    before = key_ring.key_ring()
    assert key_ring.is_file() == (kind != "env")
    if not key_ring.is_file():
        return
    wrapped = before.wrap(b"secret", "test")
    after = with_new_key(before, key_ring.fresh_keys())
    key_ring.replace_file(after)
    assert key_ring.key_ring().keys == after.keys
    key_ring.forget()
    assert key_ring.key_ring().current == after.current != before.current
    assert key_ring.key_ring().unwrap(wrapped, "test") == b"secret"
    key_ring.replace_file(without_key(after, before.current))
    key_ring.forget()
    assert set(key_ring.key_ring().keys) == {after.current}


def test_no_key_lies_open_beside_a_service(outside: KeyService, path: Path) -> None:
    ring = key_ring.key_ring()
    found = json.loads(key_ring.as_json(ring))
    for key in (*found["keys"].values(), found["naming"]):
        assert key not in path.read_text()


def test_each_key_is_asked_for_once(outside: KeyService) -> None:
    for number in range(50):
        ring = key_ring.key_ring()
        assert ring.unwrap(ring.wrap(b"secret", str(number)), str(number)) == b"secret"
    assert outside.asked == ["decrypt"] * 2  # the key, and the one that names


def test_nothing_is_asked_of_the_service_while_the_ring_is_changed(outside: KeyService) -> None:
    before, fresh = key_ring.key_ring(), key_ring.fresh_keys()
    outside.asked.clear()
    key_ring.replace_file(with_new_key(before, fresh))
    assert key_ring.key_ring().current == fresh.key_id
    assert outside.asked == []


def test_a_service_that_is_away_at_the_start_comes_back(outside: KeyService, monkeypatch: pytest.MonkeyPatch) -> None:
    outside.stop()
    try:
        with pytest.raises(KeySourceAway, match="does not answer") as refused:
            key_ring.key_ring()
        assert outside.host.partition(":")[2] not in refused.value.detail  # it is told to strangers
        assert "does not answer" in key_ring.standing().fault
        assert key_ring.standing().answered_ago is None
    finally:
        outside.start()
    with pytest.raises(KeySourceAway):  # it is left alone for a moment
        key_ring.key_ring()
    another_moment(monkeypatch)
    assert key_ring.key_ring().current
    assert key_ring.standing().fault == ""


def test_keys_that_were_opened_serve_on_for_the_time_that_is_set(
    outside: KeyService, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_moment(monkeypatch)
    settings.TPI_KEY_CACHE_HOURS = 1
    wrapped = key_ring.key_ring().wrap(b"secret", "test")
    outside.fault = (500, {"errors": ["internal error"]})
    assert key_ring.key_ring().unwrap(wrapped, "test") == b"secret"
    assert key_ring.standing().fault
    settings.TPI_KEY_CACHE_HOURS = 0
    with pytest.raises(KeySourceAway):
        key_ring.key_ring()
    outside.fault = None
    assert key_ring.key_ring().unwrap(wrapped, "test") == b"secret"


def test_a_process_that_missed_a_rotation_wraps_nothing_with_a_key_that_was_removed(
    outside: KeyService, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_moment(monkeypatch)
    before = key_ring.key_ring()
    elsewhere = place_at(settings.TPI_KEYRING)
    after = with_new_key(elsewhere.ring())
    elsewhere.write(after)
    outside.fault = (500, {"errors": ["internal error"]})
    assert key_ring.key_ring() == before  # the file has its key still
    elsewhere.write(without_key(after, before.current))
    for _ in range(2):
        with pytest.raises(KeySourceAway):
            key_ring.key_ring()
    outside.fault = None
    assert key_ring.key_ring().current == after.current


def test_a_key_moved_to_another_place_of_the_ring_does_not_open(outside: KeyService, path: Path) -> None:
    found = json.loads(path.read_text())
    [current] = found["keys"]
    found["keys"] = {"00000000": found["keys"][current]}
    found["current"] = "00000000"
    path.write_text(json.dumps(found))
    with pytest.raises(KeyRingBroken, match="does not open a key of the ring"):
        key_ring.key_ring()


def test_a_ring_that_another_kind_of_source_wrapped_is_refused(outside: KeyService, settings: Any, path: Path) -> None:
    settings.TPI_KEYRING = f"file:{path}"
    with pytest.raises(KeyRingBroken, match="wrapped by"):
        key_ring.key_ring()


def test_a_certificate_that_is_not_trusted_is_not_asked(
    outside: KeyService, settings: Any, path: Path, services: dict[str, KeyService]
) -> None:
    other = next(each for each in services.values() if each is not outside)
    settings.TPI_KEY_SOURCE_CA = str(other.ca_file)
    key_ring.forget()
    with pytest.raises(KeySourceAway):
        key_ring.key_ring()
    assert outside.asked == []


def test_a_service_that_never_answers_is_given_up(
    settings: Any, path: Path, services: dict[str, KeyService], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault, "TIMEOUT", 0.2)
    choose("vault", settings, path, services)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.TPI_KEYRING = f"vault:https://127.0.0.1:{silent.getsockname()[1]}/transit/tpi?ring={path}"
        with pytest.raises(KeySourceAway, match="does not answer"):
            key_ring.key_ring()


def test_a_service_that_drips_holds_one_request_and_not_for_long(
    outside: KeyService, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who come meanwhile are served what is known, or are told that it does not answer."""
    settings.TPI_KEY_CACHE_HOURS = 1
    ring = key_ring.key_ring()
    monkeypatch.setattr(vault, "TIMEOUT", 2.0)
    monkeypatch.setattr(kms, "_TOGETHER", 2.0)
    monkeypatch.setattr(places, "_PATIENCE", 0.1)
    monkeypatch.setattr(places, "CONFIRM", 0.0)
    outside.drips = True
    with ThreadPoolExecutor(8) as threads:
        asker = threads.submit(key_ring.standing)
        assert outside.has_begun_to_drip.wait(10)
        others = [threads.submit(key_ring.key_ring) for _ in range(5)]
        assert [each.result(10) for each in others] == [ring] * 5
        settings.TPI_KEY_CACHE_HOURS = 0
        for each in [threads.submit(key_ring.key_ring) for _ in range(5)]:
            with pytest.raises(KeySourceAway):
                each.result(10)
        assert not asker.done()
        assert "does not answer" in asker.result(10).fault


def test_a_service_that_cannot_open_what_it_wraps_spoils_no_ring(
    outside: KeyService, path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it opens nothing or something else; at the first start, and when a key is added."""
    another_moment(monkeypatch)
    before, text, seal = key_ring.key_ring(), path.read_text(), outside.seal
    lies: list[Callable[[bytes, bytes], bytes]] = [
        lambda _plain, _bound: bytes(60),
        lambda _plain, bound: seal(bytes(32), bound),
    ]
    for lie in lies:
        monkeypatch.setattr(outside, "seal", lie)
        with pytest.raises(KeySourceAway):
            key_ring.fresh_keys()
        with pytest.raises(KeySourceAway):
            key_ring.replace_file(with_new_key(before))
        assert path.read_text() == text
        settings.TPI_KEYRING = settings.TPI_KEYRING.replace("ring.json", "first.json")
        with pytest.raises(KeySourceAway):
            key_ring.key_ring()
        assert not (path.parent / "first.json").exists()
        settings.TPI_KEYRING = settings.TPI_KEYRING.replace("first.json", "ring.json")


def test_the_time_of_remembered_keys_ends_whatever_becomes_of_the_file(
    outside: KeyService, path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_moment(monkeypatch)
    key_ring.key_ring()
    outside.fault = (500, {"errors": ["internal error"]})
    settings.TPI_KEY_CACHE_HOURS = 0
    for text in (path.read_text(), path.read_text() + " "):
        path.write_text(text)
        with pytest.raises(KeySourceAway):
            key_ring.key_ring()


ODD: dict[str, list[Any]] = {
    "vault": [{"data": {"plaintext": "!!!"}}, {"data": {"plaintext": 12}}, {"data": {}}, {"data": {"plaintext": "é"}},
              {"data": {"plaintext": "A" * 43 + "="}}, [], {"data": 3}],
    "kms": [{"Plaintext": "!!!"}, {"Plaintext": 12}, {}, {"Plaintext": "A" * 43 + "="}, [], {"Plaintext": None}],
}  # fmt: skip


@pytest.mark.parametrize("kind", OUTSIDE)
def test_odd_answers_are_as_good_as_none(
    settings: Any, path: Path, services: dict[str, KeyService], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    choose(kind, settings, path, services)
    ring = key_ring.key_ring()
    another_moment(monkeypatch)
    for answer in ODD[kind]:
        services[kind].fault = (200, answer)
        settings.TPI_KEY_CACHE_HOURS = 1
        assert key_ring.standing().fault, answer
        assert key_ring.key_ring() == ring
        settings.TPI_KEY_CACHE_HOURS = 0
        with pytest.raises(KeySourceAway):
            key_ring.key_ring()


def test_what_a_service_says_and_where_the_ring_lies_is_for_operators(
    outside: KeyService, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_moment(monkeypatch)
    outside.fault = (400, {"errors": ["policy of vault-3.internal"], "__type": "InvalidCiphertextException"})
    with pytest.raises(KeyRingBroken) as refused:
        key_ring.key_ring()
    assert "internal" not in refused.value.detail
    assert outside.media_type != Vault.media_type or "vault-3.internal" in key_ring.standing().fault
    path.unlink()
    path.mkdir()
    with pytest.raises(KeyRingBroken) as refused:
        key_ring.key_ring()
    assert str(path) not in refused.value.detail
    assert str(path) in key_ring.standing().fault


@pytest.mark.parametrize(
    ("kind", "fault", "sentence"),
    [
        ("vault", Vault.SEALED, "sealed"),
        ("vault", (403, {"errors": ["permission denied"]}), "refuses the token"),
        ("vault", (404, {"errors": []}), "no such transit engine or key"),
        ("vault", (200, {"nothing": "of Vault"}), "something that Vault does not"),
        ("kms", Kms.DISABLED, "disabled"),
        ("kms", (400, {"__type": "AccessDeniedException", "message": ""}), "policy"),
        ("kms", (400, {"__type": "KMSInvalidStateException", "message": ""}), "pending deletion"),
    ],
)
def test_what_is_wrong_is_said(
    settings: Any, path: Path, services: dict[str, KeyService], kind: str, fault: Any, sentence: str
) -> None:
    choose(kind, settings, path, services)
    services[kind].fault = fault
    with pytest.raises(KeySourceAway, match=sentence) as refused:
        key_ring.key_ring()
    assert refused.value.code == "key-source-away"
    assert not path.exists()


def test_the_token_is_read_anew_from_its_file_and_told_nowhere(
    settings: Any,
    path: Path,
    services: dict[str, KeyService],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    another_moment(monkeypatch)
    file = tmp_path / "token"
    file.write_text("hvs.ended\n")
    monkeypatch.setenv("TPI_VAULT_TOKEN_FILE", str(file))
    choose("vault", settings, path, services)
    with pytest.raises(KeySourceAway) as refused:
        key_ring.key_ring()
    file.write_text(TOKEN + "\n")
    assert key_ring.key_ring().current
    told = f"{refused.value.detail} {key_ring.standing()} {caplog.text} {key_ring.key_ring()!r}"
    assert TOKEN not in told
    assert "hvs.ended" not in told


@pytest.mark.parametrize(
    "address",
    [
        "nothing",
        "file:",
        "vault:http://vault.tpi.example/transit/tpi",
        "vault:https://vault.tpi.example/tpi",
        "vault:https://user@vault.tpi.example/transit/tpi",
        "vault:https://vault.tpi.example/transit/tpi?other=1",
        "vault:https://[/transit/tpi",
        "kms:",
        "kms:key?endpoint=http://kms.tpi.example",
        "kms:key?other=1",
    ],
)
def test_other_addresses_are_refused_with_a_sentence(settings: Any, address: str) -> None:
    settings.TPI_KEYRING = address
    with pytest.raises(KeyRingBroken, match="TPI_KEYRING must be"):
        key_ring.key_ring()
    assert key_ring.standing().fault
    with suppress(KeyRingBroken):
        assert not key_ring.is_file()
