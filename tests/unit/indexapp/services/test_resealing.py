from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.domain.actors import Actor
from accounts.models import AuditEntry
from accounts.services.keys import compromise
from accounts.services.keys import ring as rings
from indexapp import tasks
from indexapp.models import Blob, File
from indexapp.services import blobs, garbage, resealing
from indexapp.services.integrity import checking
from indexapp.services.integrity.checking import Summary, Wish
from indexapp.services.serving import files
from indexapp.storage import BlobDamaged, default_storage, forget_default, sealed_files
from indexapp.storage.sealed_files import BEFORE
from tests import evidence
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index, published
from tests.wsgi_client import WsgiClient
from tpi_site.kit import key_ring
from tpi_site.kit.key_ring import key_id_of

pytestmark = [pytest.mark.database, pytest.mark.django_db]

FUTURE = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture(autouse=True)
def ring(settings: Any, tmp_path: Path) -> Path:
    path = tmp_path / "keyring.json"
    settings.TPI_KEYRING = f"file:{path}"
    return path


@pytest.fixture
def lies_plain(settings: Any, cast: Cast) -> File:
    """A file from before there was encryption, which is on now."""
    settings.TPI_ENCRYPT = False
    forget_default()
    file = published(cast.index)
    settings.TPI_ENCRYPT = True
    forget_default()
    return file


def contents() -> dict[str, bytes]:
    return {blob.sha256: b"".join(default_storage().read(blob.place)) for blob in Blob.objects.all()}


def faults() -> list[str]:
    return [fault.sentence for fault, _ in checking.check(actor=SYSTEM, wish=Wish(deep=True), summary=Summary())]


def head_key(name: str) -> str:
    with closing(default_storage().objects.open(name)) as stream:
        return key_id_of(sealed_files.wrapped_key_in(stream.read(BEFORE)))


def head_keys() -> set[str]:
    """The keys that the heads of the objects name."""
    return {head_key(name) for name in default_storage().names()}


def test_what_lies_plain_is_sealed_and_its_plain_bytes_go(lies_plain: File, storage_folder: Path) -> None:
    before = contents()
    call_command("encrypt_plaintext")
    assert not resealing.plain().exists()
    assert contents() == before
    assert faults() == []
    entry = AuditEntry.objects.get(action="blobs.seal")
    assert entry.detail["sealed"] == len(before)
    garbage.collect(older_than=FUTURE)
    stored = [path.read_bytes() for path in (storage_folder / "blobs").rglob("*") if path.is_file()]
    assert len(stored) == len(before)
    assert not any(content in each for content in before.values() for each in stored)


def test_a_job_seals_some_at_a_time_and_nothing_where_all_is_sealed(
    lies_plain: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_SEAL_SECONDS", 0.0)
    total = Blob.objects.count()
    assert total > 1
    for left in range(total, 0, -1):
        assert resealing.plain().count() == left
        assert tasks.seal_plain_blobs() == 1
    assert tasks.seal_plain_blobs() == 0
    assert AuditEntry.objects.filter(action="blobs.seal").count() == total


def test_nothing_is_sealed_where_encryption_is_off(settings: Any, lies_plain: File) -> None:
    settings.TPI_ENCRYPT = False
    assert tasks.seal_plain_blobs() == 0
    with pytest.raises(CommandError, match="TPI_ENCRYPT is off"):
        call_command("encrypt_plaintext")


def test_a_reader_who_remembers_the_old_place_gets_the_bytes(
    lies_plain: File, cast: Cast, machine: WsgiClient, storage_folder: Path
) -> None:
    content = contents()[lies_plain.sha256]
    path = f"{lies_plain.sha256[:2]}/{lies_plain.sha256[2:4]}/{lies_plain.sha256[4:]}/{lies_plain.filename}"
    first = machine.get(f"/main/files/{path}", **cast.basic("reader"))
    assert first.status == 200
    [served] = files._files.values()
    old = served.stored
    assert old.sealed_key == ""
    call_command("encrypt_plaintext")
    garbage.collect(older_than=FUTURE)
    assert not default_storage().exists(old.object_name)
    answer = machine.get(f"/main/files/{path}", **cast.basic("reader"))
    assert (answer.status, answer.body) == (200, content)
    assert served.stored.sealed_key != ""


def test_damage_is_found_before_the_only_copy_is_left(lies_plain: File, storage_folder: Path) -> None:
    blob = Blob.objects.get(sha256=lies_plain.sha256)
    path = storage_folder / "blobs" / blob.object_name
    path.chmod(0o600)
    path.write_bytes(bytes(blob.size))
    with pytest.raises(CommandError, match="1 contents cannot be read whole"):
        call_command("encrypt_plaintext")
    blob.refresh_from_db()
    assert blob.damaged_at is not None
    assert blob.sealed_key == ""
    assert path.exists()


def test_a_broken_object_that_a_dead_run_left_is_put_anew(lies_plain: File, storage_folder: Path) -> None:
    before = contents()
    blob = Blob.objects.get(sha256=lies_plain.sha256)
    resealing._put(blob)  # and died
    name = default_storage().object_name(blob.sha256)
    path = storage_folder / "blobs" / name
    sealed = bytearray(path.read_bytes())
    sealed[-1] ^= 1
    path.write_bytes(sealed)
    call_command("encrypt_plaintext")
    assert contents() == before


def test_a_key_that_others_know_opens_nothing_any_more(cast: Cast, ring: Path) -> None:
    published(make_index("sealed"))
    before, old = contents(), key_ring.key_ring().current
    call_command("rotate_keys")  # the heads name the first key still
    assert head_keys() == {old}
    call_command("rotate_keys", reencrypt=old)
    new = key_ring.key_ring().current
    garbage.collect(older_than=FUTURE)
    assert head_keys() == {new}
    assert contents() == before
    assert faults() == []
    call_command("rotate_keys", remove=old)
    found = json.loads(ring.read_text())
    assert (set(found["keys"]), found["given_up"]) == ({new}, {})
    assert contents() == before
    actions = AuditEntry.objects.filter(action__startswith="keys.").order_by("pk").values_list("action", flat=True)
    assert list(actions) == [
        "keys.add",
        "keys.rewrap",
        "keys.give-up",
        "keys.reencrypt",
        "keys.rewrap",
        "keys.remove",
    ]


def test_an_upload_does_not_bring_back_what_the_key_opened(cast: Cast) -> None:
    """The object of before waits for the sweep; nobody may take it for the content again."""
    published(make_index("sealed"))
    old = key_ring.key_ring().current
    call_command("rotate_keys", reencrypt=old)
    published(make_index("again"))
    new = key_ring.key_ring().current
    assert {key_id_of(text) for text in Blob.objects.values_list("sealed_key", flat=True)} == {new}
    garbage.collect(older_than=FUTURE)
    assert head_keys() == {new}


def test_an_upload_that_put_its_bytes_before_puts_them_once_more(cast: Cast) -> None:
    content = b"put before the key was given up"
    sha256 = hashlib.sha256(content).hexdigest()
    with default_storage().spool() as spool:
        spool.file.write(content)
        before = blobs.store(sha256, spool)
        compromise.give_up(actor=SYSTEM, key_id=key_ring.key_ring().current)
        with pytest.raises(blobs.BlobVanishedError):
            blobs.claim(before)
        after = blobs.store(sha256, spool)
    assert after.object_name != before.object_name
    row = Blob.objects.get(pk=blobs.claim(after)[sha256])
    assert b"".join(default_storage().read(row.place)) == content
    assert head_key(row.object_name) == key_ring.key_ring().current


def test_a_run_that_was_cut_short_is_finished_and_the_key_stays_until_then(cast: Cast) -> None:
    published(make_index("sealed"))
    before, old = contents(), key_ring.key_ring().current

    def stop(_progress: object) -> None:
        raise KeyboardInterrupt

    compromise.give_up(actor=SYSTEM, key_id=old)
    with pytest.raises(KeyboardInterrupt):
        compromise.reencrypt(actor=SYSTEM, key_id=old, report=stop)
    left = resealing.RESEALING.waiting()
    assert left == len(before) - 1 > 0
    call_command("rotate_keys")  # wraps all that is left anew, which is not enough
    with evidence.refused("key-in-use"):
        rings.remove_key(actor=SYSTEM, key_id=old)
    call_command("rotate_keys", reencrypt=old)
    assert resealing.RESEALING.waiting() == 0
    rings.remove_key(actor=SYSTEM, key_id=old)
    assert contents() == before


def test_only_an_administrator_seals_anew(cast: Cast) -> None:
    current = key_ring.key_ring().current
    acts: list[Callable[[Actor], object]] = [
        lambda actor: compromise.reencrypt(actor=actor, key_id=current),
        lambda actor: resealing.seal_plain(actor=actor),
    ]
    for role in ("operator", "auditor", "security_officer"):
        for act in acts:
            with evidence.refused("administrator-needed"):
                act(cast.actor(role))
    with evidence.refused("key-not-given-up"):
        compromise.reencrypt(actor=SYSTEM, key_id=current)
    with evidence.refused("key-unknown"):
        compromise.give_up(actor=SYSTEM, key_id="other")


@pytest.mark.parametrize("is_given_up", [True, False])
def test_whoever_has_a_key_and_the_bucket_changes_no_content(cast: Cast, is_given_up: bool) -> None:
    """Neither reads nor a repair believe a head that such a key made; the fault is named, and bytes are held back."""
    file = published(cast.index)
    stolen = key_ring.key_ring()
    if is_given_up:
        compromise.give_up(actor=SYSTEM, key_id=stolen.current)
        compromise.reencrypt(actor=SYSTEM, key_id=stolen.current)
    blob, storage = Blob.objects.get(pk=file.blob_id), default_storage()
    with storage.objects.spool() as inner:
        spool = sealed_files.SealedSpool(inner)
        spool.file.write(bytes(blob.size))
        spool.finish(blob.object_name, stolen)
        storage.objects.replace(blob.object_name, inner)
    with pytest.raises(BlobDamaged):
        storage.read(blob.place)
    with pytest.raises((CommandError, SystemExit)):
        call_command("fsck", "--repair")
    after = Blob.objects.get(pk=blob.pk)
    assert after.sealed_key == blob.sealed_key
    assert after.damaged_at is not None
    with pytest.raises(BlobDamaged):
        storage.read(after.place)
