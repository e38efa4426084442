"""A seed is written, and taken from: only what is wanted and is right, from whatever folder, as often as one likes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from pathlib import Path
from random import Random

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import AuditEntry
from indexapp.domain import segments
from indexapp.domain.copy_filter import CopyFilter
from indexapp.domain.replication.holding import Hold
from indexapp.models import Blob, Change, File, Following, Index, WantedBlob
from indexapp.services.integrity.objects import digest_of
from indexapp.services.replication import applying, choosing, epochs, holding, seed_export, seed_folder, seeding
from indexapp.services.replication.seed_export import Exported, Wish
from indexapp.services.replication.seeding import Seeded
from indexapp.storage import default_storage
from tests.builders.core_metadata import Built
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.factories.people import SYSTEM, actor_of, make_user
from tests.factories.publishing import make_index, published
from tests.factories.replication import make_following
from tests.unit.indexapp.services.replication.test_applying import SECRET, given
from tpi_site.kit.errors import Conflict, Forbidden, Invalid, NotFound, Refusal

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PASSPHRASE = "a passphrase that was made up"
LARGE = 3 * 2**20


def noise(seed: int, size: int = 2000) -> dict[str, bytes]:
    return {"tool/noise": Random(seed).randbytes(size)}


BUILT: list[Built] = [
    *(build_wheel("tool", f"{number}.0", files=noise(number)) for number in range(1, 6)),
    build_wheel("large-tool", "1.0", files=noise(99, LARGE)),
    build_sdist("source-tool", "1.0"),
]


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    folder = tmp_path / "disk" / "seed"
    folder.parent.mkdir()
    return folder


@pytest.fixture
def files(main: Index) -> dict[str, str]:
    """What is published: digests by filename."""
    epochs.current()
    return {each.filename: published(main, each).sha256 for each in BUILT}


def export(disk: Path, secret: str = PASSPHRASE, *indexes: str, since: int = 0) -> Exported:
    return seed_export.export(actor=SYSTEM, wish=Wish(disk, secret, indexes, since))


def become_replica() -> set[str]:
    """This site has all rows and no bytes; what it wants."""
    batch = given()
    File.objects.update(blob=None, metadata_blob=None)
    Blob.objects.all().delete()
    for name in list(default_storage().objects.names()):
        default_storage().objects.delete(name)
    make_following(secret=PASSPHRASE)
    with transaction.atomic():
        applying.apply(batch, SECRET)
        holding.after(batch)
    return set(WantedBlob.objects.values_list("sha256", flat=True))


def seed(folder: Path, secret: str = "") -> Seeded:
    return seeding.seed(actor=SYSTEM, folder=folder, secret=secret)


def require_whole(files: dict[str, str]) -> None:
    """Each file has its bytes, sealed here, and nothing else is kept."""
    rows = File.objects.select_related("blob", "metadata_blob").order_by("filename")
    assert {row.filename: digest_of(row.blob.place, default_storage()) for row in rows if row.blob} == files
    assert all(row.metadata_blob for row in rows if row.filename.endswith(".whl"))
    assert set(default_storage().objects.names()) == set(Blob.objects.values_list("object_name", flat=True))
    assert not WantedBlob.objects.exists()


def objects(disk: Path) -> list[Path]:
    return sorted(path for path in (disk / "blobs").rglob("*") if path.is_file())


@pytest.mark.parametrize("secret", [PASSPHRASE, ""])
def test_what_was_exported_fills_a_replica(files: dict[str, str], disk: Path, secret: str) -> None:
    contents = Blob.objects.count()
    done = export(disk, secret)
    assert (done.written, done.there, done.lacking, done.contents) == (contents, 0, 0, contents)
    wanted = become_replica()
    assert len(wanted) == contents
    taken = seed(disk)  # a sealed one opens with the replica's own secret
    assert (taken.taken, taken.missing, taken.seen.damaged, taken.seen.not_needed) == (contents, 0, 0, 0)
    require_whole(files)
    again = export(disk, secret)
    assert (again.written, again.there) == (0, contents)


def test_a_lost_disk_gives_nothing_away(files: dict[str, str], disk: Path) -> None:
    export(disk)
    digests = {*files.values(), *Blob.objects.values_list("sha256", flat=True)}
    everything = b"".join(path.read_bytes() for path in disk.rglob("*") if path.is_file())
    names = "\n".join(path.relative_to(disk).as_posix().replace("/", "") for path in disk.rglob("*"))
    for digest in digests:
        assert digest not in names
        assert digest.encode() not in everything
    assert b"tool" not in everything
    assert PASSPHRASE.encode() not in everything
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in [disk, *disk.iterdir()] if path.is_dir()} == {0}


def test_the_manifest_has_the_digest_of_each_object_and_the_numbers_of_all(files: dict[str, str], disk: Path) -> None:
    done = export(disk)
    lines = [line.split("  ") for line in (disk / "SHA256SUMS").read_text().splitlines()]
    assert {disk / path: digest for digest, path in lines} == {
        path: hashlib.sha256(path.read_bytes()).hexdigest() for path in objects(disk)
    }
    header = json.loads((disk / "seed.json").read_text())
    assert header["complete"] is True
    assert (header["contents"], header["size"]) == (len(lines), sum(path.stat().st_size for path in objects(disk)))
    assert (done.contents, done.size) == (header["contents"], header["size"])
    assert header["sums"] == hashlib.sha256((disk / "SHA256SUMS").read_bytes()).hexdigest()
    assert not (disk / "incoming").exists()


def test_an_export_goes_on_with_what_is_there_and_trusts_no_line_without_its_object(
    files: dict[str, str], disk: Path
) -> None:
    export(disk)
    gone, cut, *_ = objects(disk)
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    with (disk / "SHA256SUMS").open("ab") as sums:
        sums.write(b"0000  blobs/torn")
    (disk / "incoming").mkdir()
    (disk / "incoming" / "7").write_bytes(b"half of it")
    done = export(disk)
    assert (done.written, done.there) == (2, Blob.objects.count() - 2)
    become_replica()
    assert seed(disk).missing == 0
    require_whole(files)


def test_another_secret_opens_nothing_and_a_changed_header_neither(files: dict[str, str], disk: Path) -> None:
    export(disk)
    with pytest.raises(Invalid) as refused:
        export(disk, "another passphrase")
    assert refused.value.code == "secret-wrong"
    wanted = become_replica()
    with pytest.raises(Invalid) as refused:
        seed(disk, "another passphrase")
    assert refused.value.code == "secret-wrong"
    header = json.loads((disk / "seed.json").read_text())
    (disk / "seed.json").write_text(json.dumps(header | {"contents": 1}))
    with pytest.raises(Invalid) as refused:
        seed(disk)
    assert refused.value.code == "secret-wrong"
    assert set(WantedBlob.objects.values_list("sha256", flat=True)) == wanted
    assert not Blob.objects.exists()


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"{}",
        b'{"sealed": 1}',
        b'{"sealed": true, "salt": "00"}',
        b'{"sealed": false, "format": 2}',
        b"\xff",
        b"[" * 60_000,
    ],
)
def test_a_header_that_is_none_is_refused(main: Index, disk: Path, header: bytes) -> None:
    make_following(compared_at=timezone.now())
    disk.mkdir()
    (disk / "seed.json").write_bytes(header)
    with pytest.raises(Invalid) as refused:
        seed(disk)
    assert refused.value.code == "seed-unreadable"


@pytest.mark.parametrize("secret", [PASSPHRASE, ""])
def test_of_damaged_objects_nothing_is_taken_and_all_others_are(
    files: dict[str, str], disk: Path, tmp_path: Path, secret: str
) -> None:
    export(disk, secret)
    by_size = sorted(objects(disk), key=lambda path: path.stat().st_size)
    flipped, large = by_size[1], by_size[-1]
    first, other, linked = [path for path in by_size if path not in (flipped, large)][-3:]
    for path, at in ((flipped, -1), (large, -5)):
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.write_bytes(content)
    both = first.read_bytes(), other.read_bytes()
    first.write_bytes(both[1])
    other.write_bytes(both[0])
    linked.replace(tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")
    wanted = become_replica()
    done = seed(disk)
    assert (done.seen.damaged, done.seen.unreadable) == (4, 1)
    assert done.taken == len(wanted) - 5
    assert done.missing == 5
    assert (
        set(Blob.objects.values_list("sha256", flat=True)) | set(WantedBlob.objects.values_list("sha256", flat=True))
        == wanted
    )
    for blob in Blob.objects.all():
        assert digest_of(blob.place, default_storage()) == blob.sha256
    assert set(default_storage().objects.names()) == set(Blob.objects.values_list("object_name", flat=True))


def test_any_tree_is_a_seed_by_the_digest_of_what_lies_there(files: dict[str, str], tmp_path: Path) -> None:
    become_replica()
    tree = tmp_path / "tree"
    (tree / "deep" / "down").mkdir(parents=True)
    for number, built in enumerate(BUILT):
        name = built.filename if number % 2 else f"other-name-{number}\n"
        (tree / "deep" / ("down" if number % 3 else "") / name).write_bytes(built.content)
    (tree / "twice").write_bytes(BUILT[0].content)
    lie = bytearray(BUILT[1].content)
    lie[-1] ^= 1
    (tree / BUILT[1].filename).write_bytes(lie)
    (tree / "nothing.txt").write_bytes(b"nothing of ours")
    done = seed(tree)
    assert (done.taken, done.seen.not_needed, done.seen.unreadable) == (len(BUILT), 3, 0)
    assert {row.filename for row in File.objects.exclude(blob=None)} == set(files)
    metadata = File.objects.exclude(metadata_sha256="").values("metadata_sha256")
    assert done.missing == WantedBlob.objects.count() == metadata.distinct().count() > 0


def test_links_pipes_and_what_lies_too_deep_are_not_read(files: dict[str, str], tmp_path: Path) -> None:
    become_replica()
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    outside.mkdir()
    tree.mkdir()
    (outside / BUILT[0].filename).write_bytes(BUILT[0].content)
    (tree / "file").symlink_to(outside / BUILT[0].filename)
    (tree / "folder").symlink_to(outside)
    (tree / "loop").symlink_to(tree)
    os.mkfifo(tree / "pipe")
    deep = tree.joinpath(*["d"] * 70)
    deep.mkdir(parents=True)
    (deep / BUILT[1].filename).write_bytes(BUILT[1].content)
    done = seed(tree)
    assert (done.taken, done.seen.unreadable) == (0, 1)
    assert "too deep" in done.seen.examples[0]
    assert not Blob.objects.exists()


def test_what_a_filter_leaves_out_is_not_taken(files: dict[str, str], disk: Path) -> None:
    export(disk)
    choosing.hold(actor=SYSTEM, wanted=Hold([], [], CopyFilter(newest=1, include=["tool"])))
    wanted = become_replica()
    assert len(wanted) == 2
    done = seed(disk)
    assert (done.taken, done.missing) == (2, 0)
    assert done.seen.not_needed == len(objects(disk)) - 2
    assert [row.release.version for row in File.objects.exclude(blob=None)] == ["5.0"]


def test_damaged_bytes_of_this_site_are_healed(files: dict[str, str], disk: Path) -> None:
    export(disk)
    become_replica()
    seed(disk)
    blob = Blob.objects.get(sha256=files[BUILT[0].filename])
    Blob.objects.filter(pk=blob.pk).update(damaged_at=timezone.now())
    default_storage().objects.delete(blob.object_name)
    keys = list(File.objects.filter(blob=blob).values_list("pk", flat=True))
    WantedBlob.objects.create(sha256=blob.sha256, size=blob.size, files=keys, next_at=timezone.now())
    assert seed(disk).taken == 1
    assert not Blob.objects.filter(damaged_at__isnull=False).exists()
    require_whole(files)


def test_parts_are_exported_by_index_and_by_serial(files: dict[str, str], disk: Path) -> None:
    serial = Change.objects.latest("serial").serial
    other = make_index("other")
    published(other, build_wheel("newer-tool", "1.0"))
    assert export(disk, PASSPHRASE, "other").contents == 2
    later = disk.with_name("later")
    assert export(later, since=serial).contents == 2
    assert export(later, since=epochs.newest_serial()).contents == 2, "nothing is taken out"
    with pytest.raises(NotFound) as refused:
        export(later, PASSPHRASE, "of-no-such-name")
    assert refused.value.code == "index-unknown"


def test_a_content_that_cannot_be_read_is_told_and_all_others_are_there(files: dict[str, str], disk: Path) -> None:
    lost = Blob.objects.get(sha256=files[BUILT[0].filename])
    default_storage().objects.delete(lost.object_name)
    done = export(disk)
    assert (done.lacking, done.examples) == (1, [lost.sha256])
    assert done.contents == Blob.objects.count() - 1
    assert len(objects(disk)) == done.contents


def test_a_folder_with_other_things_the_data_folder_and_a_short_secret_are_refused(
    files: dict[str, str], disk: Path, tmp_path: Path, settings: object
) -> None:
    disk.mkdir()
    (disk / "holiday.jpg").write_bytes(b"sea")
    with pytest.raises(Invalid, match="no seed"):
        export(disk)
    with pytest.raises(Invalid) as refused:
        export(disk.with_name("fresh"), "short")
    assert refused.value.code == "secret-short"
    settings.TPI_DATA_DIR = tmp_path  # type: ignore[attr-defined]
    with pytest.raises(Invalid, match="data folder"):
        export(disk.with_name("fresh"))


def test_a_plain_seed_is_not_gone_on_with_sealed_nor_the_other_way_round(files: dict[str, str], disk: Path) -> None:
    export(disk, "")
    with pytest.raises(Invalid, match="plain"):
        export(disk)
    shutil.rmtree(disk)
    export(disk)
    with pytest.raises(Invalid, match="sealed"):
        export(disk, "")


def test_it_is_refused_where_nothing_can_be_known_of_what_is_wanted(main: Index, tmp_path: Path) -> None:
    with pytest.raises(Conflict) as refused:
        seed(tmp_path)
    assert refused.value.code == "replica-not"
    make_following()
    with pytest.raises(Conflict) as refused:
        seed(tmp_path)
    assert refused.value.code == "rows-not-here"
    Following.objects.update(compared_at=timezone.now())
    assert seed(tmp_path).taken == 0
    with pytest.raises(Invalid) as wrong:
        seed(tmp_path / "no-such-folder")
    assert wrong.value.code == "seed-place"


def test_administrators_alone_export_and_seed_and_it_is_written_down(files: dict[str, str], disk: Path) -> None:
    somebody = actor_of(make_user("somebody"))
    with pytest.raises(Forbidden):
        seed_export.export(actor=somebody, wish=Wish(disk, PASSPHRASE))
    with pytest.raises(Forbidden):
        seeding.seed(actor=somebody, folder=disk)
    assert not disk.exists()
    export(disk)
    become_replica()
    with pytest.raises(Refusal):
        seed(disk, "another passphrase")
    done = seed(disk)
    entries = {entry.action: entry for entry in AuditEntry.objects.filter(action__contains="seed")}
    assert set(entries) == {"replication.export-seed", "replication.seed"}
    assert entries["replication.export-seed"].detail["contents"] == done.taken
    assert entries["replication.seed"].detail["taken"] == done.taken
    assert entries["replication.seed"].detail["folder"] == str(disk)


@pytest.mark.parametrize(
    "size", [0, 1, segments.FIRST - 1, segments.FIRST, segments.FIRST + 1, segments.FIRST + 2 * segments.REST, 10**6]
)
@pytest.mark.parametrize("piece", [1000, 10**7])
def test_a_content_of_any_size_in_any_pieces_is_sealed_and_opened(tmp_path: Path, size: int, piece: int) -> None:
    from indexapp.storage import sealed_files, sealed_streams

    ring = seed_folder.Keys(PASSPHRASE, "00" * 32).ring
    content = Random(size).randbytes(size)
    pieces = [content[at : at + piece] for at in range(0, size, piece)]
    path = tmp_path / "object"
    path.write_bytes(b"".join(sealed_streams.sealed(pieces, size, "ab/c", ring)))
    assert path.stat().st_size == sealed_files.stored_size(size)
    with path.open("rb") as file:
        assert b"".join(sealed_streams.opened(file.fileno(), size, "ab/c", ring)) == content
    for wrong in (size + 1, size - 1):
        if wrong >= 0:
            with pytest.raises(segments.SegmentBroken):
                list(sealed_streams.sealed(pieces, wrong, "ab/c", ring))
