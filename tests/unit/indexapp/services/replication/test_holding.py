"""What a replica holds: what the filters leave out is let go, what they let through is wanted, and nothing that others need goes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from indexapp.domain.copy_filter import CopyFilter
from indexapp.domain.file_paths import file_path
from indexapp.domain.replication.batches import Batch, Touched
from indexapp.domain.replication.holding import EVERYTHING, Hold
from indexapp.models import Blob, File, Following, Holding, Index, NotHeld, Project, WantedBlob
from indexapp.services import garbage
from indexapp.services.integrity import rows
from indexapp.services.replication import applying, budget, choosing, epochs, fetching, holding, joining, pacing
from tests.builders.wheels import build_wheel
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index, published
from tests.factories.replication import PRIMARY, make_following
from tests.factories.upstreams import make_mirror
from tests.plugins import process_memory
from tests.unit.indexapp.services.replication.test_applying import SECRET, given
from tests.wsgi_client import WsgiClient
from tpi_site.kit import read_only
from tpi_site.kit.errors import Conflict, Invalid

pytestmark = [pytest.mark.django_db, pytest.mark.database]
VERSIONS = ("1.0", "2.0", "3.0")


@pytest.fixture
def files(main: Index) -> dict[str, File]:
    """By version, of one project, all here; and this site a replica."""
    epochs.current()
    made = {version: published(main, build_wheel("tool", version)) for version in VERSIONS}
    make_following()
    return made


def take(batch: Batch) -> None:
    with transaction.atomic():
        applying.apply(batch, SECRET)
        holding.after(batch)


def hold(budget_of: int | None = None, indexes: list[str] | None = None, **values: object) -> None:
    filters = CopyFilter(**({"with_prereleases": True} | values))  # type: ignore[arg-type]
    choosing.hold(actor=SYSTEM, wanted=Hold(indexes or [], [], filters), budget=budget_of)
    settle()


def settle() -> None:
    budget.forget_all()
    holding.go_on()
    budget.keep()


def here() -> set[str]:
    return set(File.objects.filter(blob__isnull=False).values_list("release__version", flat=True))


def sweep() -> None:
    garbage.mark()
    garbage.collect(older_than=timezone.now() + timedelta(minutes=1))


def size_of(*files: File) -> int:
    return sum(file.size + (file.metadata_blob.size if file.metadata_blob else 0) for file in files)


def test_what_the_filters_leave_out_is_let_go_and_wanted_again_when_they_are_lifted(files: dict[str, File]) -> None:
    gone = File.objects.filter(release__version__in=["1.0", "2.0"])
    expected = {*gone.values_list("sha256", "size"), *gone.values_list("metadata_sha256", "metadata_blob__size")}
    hold(newest=1)
    assert here() == {"3.0"}
    assert File.objects.count() == 3
    assert [holding.is_held(files[version].pk) for version in VERSIONS] == [False, False, True]
    assert holding.not_held() == (2, size_of(files["1.0"], files["2.0"]))
    sweep()
    choosing.hold_all(actor=SYSTEM)
    settle()
    assert not Holding.objects.exists()
    assert not NotHeld.objects.exists()
    assert {(row.sha256, row.size) for row in WantedBlob.objects.all()} == expected


def test_what_is_let_go_within_the_grace_comes_back_without_being_fetched(files: dict[str, File]) -> None:
    hold(newest=1)
    garbage.mark()
    assert Blob.objects.filter(unreferenced_since__isnull=False).exists()
    choosing.hold_all(actor=SYSTEM)
    settle()
    assert here() == set(VERSIONS)
    assert not WantedBlob.objects.exists()
    assert not Blob.objects.filter(unreferenced_since__isnull=False).exists()
    garbage.collect(older_than=timezone.now() + timedelta(minutes=1))
    assert here() == set(VERSIONS)


def test_what_another_file_has_stays(files: dict[str, File]) -> None:
    again = make_index("again")
    same = published(again, build_wheel("tool", "1.0"))
    assert same.blob_id == files["1.0"].blob_id
    hold(indexes=["again"])
    sweep()
    assert list(File.objects.filter(blob__isnull=False)) == [same]
    assert Blob.objects.filter(pk=same.blob_id).exists()


def test_a_newer_release_pushes_the_oldest_out(files: dict[str, File], main: Index) -> None:
    hold(newest=2)
    assert here() == {"2.0", "3.0"}
    published(main, build_wheel("tool", "4.0"))
    batch = given()
    take(batch)
    assert here() == {"3.0", "4.0"}
    assert not WantedBlob.objects.exists()


def test_what_comes_and_is_not_held_is_not_wanted(files: dict[str, File]) -> None:
    batch = given()
    File.objects.update(blob=None, metadata_blob=None)
    Blob.objects.all().delete()
    hold(newest=1)
    take(batch)
    take(batch)
    digests = {files["3.0"].sha256, files["3.0"].metadata_sha256}
    assert set(WantedBlob.objects.values_list("sha256", flat=True)) == digests
    assert set(NotHeld.objects.values_list("file", "size")) == {
        (files[version].pk, files[version].size) for version in ("1.0", "2.0")
    }


def test_a_content_that_two_files_wait_for_waits_for_the_one_that_is_held(files: dict[str, File]) -> None:
    again = make_index("again")
    same = published(again, build_wheel("tool", "1.0"))
    batch = given()
    File.objects.update(blob=None, metadata_blob=None)
    Blob.objects.all().delete()
    take(batch)
    assert WantedBlob.objects.get(sha256=same.sha256).files == [files["1.0"].pk, same.pk]
    hold(indexes=["again"])
    assert WantedBlob.objects.get(sha256=same.sha256).files == [same.pk]


def test_what_is_deleted_at_the_primary_is_not_told_of_any_more(files: dict[str, File]) -> None:
    hold(newest=1)
    batch = given()
    batch.rows["indexapp.file"] = [row for row in batch.rows["indexapp.file"] if row["id"] != files["1.0"].pk]
    take(batch)
    assert list(NotHeld.objects.values_list("file", flat=True)) == [files["2.0"].pk]
    project = Project.objects.get()
    gone = given()
    gone.projects[:] = [Touched(each.index, each.name, None) for each in gone.projects]
    gone.rows.clear()
    take(gone)
    assert not Project.objects.filter(pk=project.pk).exists()
    assert not NotHeld.objects.exists()


def test_the_budget_holds_the_newest_that_fit(files: dict[str, File], main: Index) -> None:
    hold(budget_of=size_of(files["2.0"], files["3.0"]) + 40)
    assert here() == {"2.0", "3.0"}
    newest = published(main, build_wheel("tool", "4.0"))
    take(given())
    assert Holding.objects.get().is_fit_due
    settle()
    assert here() == {"4.0", "3.0"}
    File.objects.filter(pk=newest.pk).delete()
    Holding.objects.update(is_fit_due=True)
    settle()
    assert here() == {"2.0", "3.0"}
    hold(budget_of=1)
    assert here() == set()
    hold(budget_of=10**9)
    assert here() == {"1.0", "2.0", "3.0"}


def test_what_is_too_large_for_the_budget_keeps_nothing_smaller_out(files: dict[str, File], main: Index) -> None:
    published(main, build_wheel("tool", "4.0"))
    File.objects.filter(release__version="4.0").update(size=10**9)
    hold(budget_of=10**8)
    assert here() == set(VERSIONS)


def test_hosted_comes_before_mirrored_however_new(files: dict[str, File]) -> None:
    mirror = make_mirror("https://there.example/simple/")
    index = mirror
    project = Project.objects.create(index=index, name="other", normalized_name="other", confusable_key="other")
    release = project.releases.create(version="9.0", canonical_version="9", sort_key="9")
    template = files["1.0"]
    mirrored = File.objects.create(
        index=index,
        project=project,
        release=release,
        filename="other-9.0-py3-none-any.whl",
        kind="bdist_wheel",
        size=template.size,
        sha256=template.sha256,
        blob_id=template.blob_id,
        uploaded_at=timezone.now(),
    )
    hold(budget_of=size_of(*files.values()))
    assert here() == set(VERSIONS)
    assert not holding.is_held(mirrored.pk)
    assert NotHeld.objects.get().reason == NotHeld.Reason.BUDGET


def test_filters_that_were_broken_off_are_gone_on_with(files: dict[str, File], monkeypatch: pytest.MonkeyPatch) -> None:
    choosing.hold(actor=SYSTEM, wanted=Hold(files=CopyFilter(newest=1, with_prereleases=True)))
    monkeypatch.setattr(holding, "_PORTION", 1)
    rounds = iter([True, False])
    holding.go_on(lambda: next(rounds))
    assert Holding.objects.get().cursor == Project.objects.get().pk
    assert not holding.told()["is_settled"]
    settle()
    assert holding.told()["is_settled"]


def test_filters_may_be_set_before_the_installation_joins(files: dict[str, File]) -> None:
    Following.objects.all().delete()
    hold(newest=1)
    assert here() == set(VERSIONS)
    make_following()
    settle()
    assert here() == {"3.0"}


def test_who_leaves_out_bytes_does_not_leave_unless_they_are_given_up(files: dict[str, File]) -> None:
    hold(newest=1)
    with pytest.raises(Conflict) as refused:
        joining.leave(actor=SYSTEM)
    assert refused.value.code == "blobs-not-held"
    joining.leave(actor=SYSTEM, accepts_missing=True)
    assert not Holding.objects.exists()
    assert not NotHeld.objects.exists()


def test_a_file_that_is_not_held_is_listed_and_says_so(
    files: dict[str, File], main: Index, machine: WsgiClient
) -> None:
    Index.objects.update(anonymous_read=True)
    hold(newest=1)
    process_memory.forget()
    read_only.remember(None, float("inf"), of=PRIMARY)
    gone, kept = files["1.0"], files["3.0"]
    assert gone.filename in machine.get("/simple/tool/").body.decode()
    answer = machine.get(f"/files/{file_path(gone.sha256, gone.filename)}")
    assert (answer.status, answer.code) == (503, "not-held-here")
    assert machine.get(f"/files/{file_path(kept.sha256, kept.filename)}").status == 200
    assert not list(rows.files()), "nothing is wrong with it"


@pytest.mark.parametrize(
    "wanted",
    [
        Hold(indexes=["a b"]),
        Hold(files=CopyFilter(newest=0)),
        Hold(files=CopyFilter(max_file_size=-1)),
        Hold(files=CopyFilter(platforms=["amiga"])),
        Hold(files=CopyFilter(pythons=["2"])),
    ],
)
def test_filters_that_mean_nothing_are_refused(wanted: Hold, main: Index) -> None:
    with pytest.raises(Invalid):
        choosing.hold(actor=SYSTEM, wanted=wanted)
    with pytest.raises(Invalid):
        choosing.hold(actor=SYSTEM, wanted=Hold(files=EVERYTHING), budget=0)


def test_nothing_is_due_outside_its_times_or_while_it_pauses(files: dict[str, File]) -> None:
    WantedBlob.objects.create(sha256="0" * 64, size=1, next_at=timezone.now())
    assert len(fetching.due(9)) == 1
    now = timezone.now()
    closed = [f"{now + timedelta(hours=3):%H}:00-{now + timedelta(hours=3):%H}:01"]
    choosing.limit(actor=SYSTEM, rate=None, windows=closed, zone="UTC")
    pacing.forget_all()
    assert fetching.due(9) == []
    choosing.limit(actor=SYSTEM, rate=10**6, windows=[], zone="UTC")
    pacing.forget_all()
    assert len(fetching.due(9)) == 1
    Following.objects.update(is_paused=True)
    assert fetching.due(9) == []


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"rate": 10, "windows": [], "zone": "UTC"}, "rate-invalid"),
        ({"rate": None, "windows": ["x"], "zone": "UTC"}, "window-invalid"),
        ({"rate": None, "windows": ["22:00-06:00"] * 25, "zone": "UTC"}, "window-invalid"),
        ({"rate": None, "windows": [], "zone": "Europe/Atlantis"}, "zone-unknown"),
        ({"rate": None, "windows": [], "zone": "../../etc/passwd"}, "zone-unknown"),
    ],
)
def test_limits_that_mean_nothing_are_refused(main: Index, values: dict[str, object], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        choosing.limit(actor=SYSTEM, **values)  # type: ignore[arg-type]
    assert refused.value.code == code
