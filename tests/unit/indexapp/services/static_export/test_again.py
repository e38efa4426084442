"""An export into a folder that has one already, whole or not."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from indexapp.domain import export_manifest
from indexapp.models import File
from indexapp.services import projects, releases
from indexapp.services.static_export import exporting, tree
from indexapp.services.static_export.choosing import LAST
from indexapp.services.static_export.exporting import Wish
from indexapp.storage import default_storage
from tests.builders.wheels import build_wheel
from tests.exported_tree import manifest_of, names_in, page_of, require_whole, state_of
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.policies import make_rule
from tests.factories.publishing import make_group, make_index, published
from tests.plugins import process_memory
from tests.unit.indexapp.services.static_export.conftest import Export
from tpi_site.kit.errors import Conflict, Invalid

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _no_trash(settings: Any) -> None:
    """What is deleted is gone at once."""
    settings.TPI_TRASH_DAYS = 0


@pytest.fixture
def files(cast: Cast) -> list[File]:
    return [published(cast.index, build_wheel(name)) for name in ("one", "three", "two")]


def path_of(to: Path, file: File) -> Path:
    return to / f"files/{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"


def test_nothing_is_written_when_nothing_changed(cast: Cast, files: list[File], export: Export, to: Path) -> None:
    first = export(cast.index)
    before = state_of(to)
    again = export(cast.index, deletes=True)
    assert state_of(to) == before
    assert (again.copied, again.written_pages, again.removed) == (0, 0, 0)
    assert (again.files, again.pages, again.manifest_sha256) == (first.files, first.pages, first.manifest_sha256)


def test_only_what_changed_is_written(cast: Cast, files: list[File], export: Export, to: Path) -> None:
    export(cast.index)
    before = state_of(to)
    releases.yank(actor=SYSTEM, release=files[0].release, reason="old")
    published(cast.index, build_wheel("one", "2.0"))
    summary = export(cast.index)
    require_whole(to)
    assert (summary.copied, summary.written_pages) == (2, 4)
    changed = {path for path, state in state_of(to).items() if before.get(path) != state and path in before}
    assert changed == {
        *("manifest.json", "simple/index.html", "simple/index.v1+json"),
        *("simple/one/index.html", "simple/one/index.v1+json"),
    }


def test_what_is_no_more_leaves_the_list_the_pages_and_the_disk(
    cast: Cast, files: list[File], export: Export, to: Path
) -> None:
    export(cast.index)
    projects.delete(actor=SYSTEM, project=files[0].project)
    assert export(cast.index).removed == 0
    require_whole(to, is_exact=False)
    assert path_of(to, files[0]).exists()
    assert names_in(to) == ["three", "two"]
    (to / "simple/.part").write_text("half")
    (to / "files/link").symlink_to(to)
    assert export(cast.index, deletes=True).removed == 6
    require_whole(to)
    assert not (to / "simple/one").exists()
    assert not path_of(to, files[0]).parent.exists()


@pytest.mark.parametrize("what", ["changed", "cut off", "longer", "a link", "gone"])
def test_a_file_that_is_not_right_is_written_anew(
    what: str, cast: Cast, files: list[File], export: Export, to: Path
) -> None:
    export(cast.index)
    target = path_of(to, files[1])
    content = target.read_bytes()
    target.unlink()
    if what == "a link":
        (to / "outside").write_bytes(content)
        target.symlink_to(to / "outside")
    elif what != "gone":
        changed = {
            "changed": content[:-1] + bytes([content[-1] ^ 1]),
            "cut off": content[:-9],
            "longer": content + b"x",
        }
        target.write_bytes(changed[what])
    (to / "simple/three/index.html").write_text("somebody's")
    summary = export(cast.index)
    assert (summary.copied, summary.written_pages) == (1, 1)
    (to / "outside").unlink(missing_ok=True)
    require_whole(to)
    assert not target.is_symlink()


def test_quick_believes_what_has_the_right_size(cast: Cast, files: list[File], export: Export, to: Path) -> None:
    export(cast.index)
    changed, short = path_of(to, files[0]), path_of(to, files[1])
    content = changed.read_bytes()
    changed.write_bytes(bytes(len(content)))
    short.write_bytes(short.read_bytes()[:-1])
    assert export(cast.index, is_quick=True).copied == 1
    assert export(cast.index).copied == 1
    require_whole(to)


def test_a_failure_leaves_pages_of_which_every_file_is_there(
    cast: Cast, files: list[File], export: Export, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [file.project.normalized_name for file in files]
    settle, left = tree.settle, [0]

    def fails(part: Path, target: Path) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        settle(part, target)

    monkeypatch.setattr(tree, "settle", fails)
    for stop in (1, 2, 4, 5, 8, 14, 15, 16):
        left[0] = stop
        place = to.with_name(f"tree-{stop}")
        with pytest.raises(OSError, match="No space"):
            export(cast.index, folder=place)
        assert not [*place.rglob(".part")]
        for name in names:
            if (place / f"simple/{name}/index.v1+json").exists():
                (file,) = page_of(place, name)["files"]
                assert (place / f"simple/{name}" / file["url"]).exists()
        done = len([path for path in place.glob("files/**/*") if path.is_file()])
        assert export(cast.index, folder=place).copied == 6 - done
        require_whole(place)


def test_two_do_not_write_into_one_folder(cast: Cast, files: list[File], export: Export, to: Path) -> None:
    with tree.opened(to), pytest.raises(Conflict) as caught:
        export(cast.index)
    assert caught.value.code == "export-runs"
    export(cast.index)
    require_whole(to)


def test_files_come_as_links_of_a_twin(cast: Cast, files: list[File], export: Export, to: Path) -> None:
    twin = to.with_name("twin")
    export(cast.index, folder=twin)
    path_of(twin, files[2]).write_bytes(b"spoilt")
    summary = export(cast.index, twin=twin)
    assert (summary.linked, summary.copied) == (5, 1)
    require_whole(to)
    assert path_of(to, files[0]).samefile(path_of(twin, files[0]))
    (path_of(to, files[2]).parent / ".part").hardlink_to(path_of(twin, files[0]))  # as one that was killed leaves it
    path_of(to, files[2]).unlink()
    export(cast.index)
    require_whole(to)
    assert path_of(twin, files[0]).read_bytes() == path_of(to, files[0]).read_bytes() != b""


def test_the_folders_rights_are_those_of_all_in_it(cast: Cast, files: list[File], export: Export, to: Path) -> None:
    to.mkdir()
    to.chmod(0o751)
    before = os.umask(0o077)
    try:
        export(cast.index)
    finally:
        os.umask(before)
    modes = {(path.is_dir(), path.stat().st_mode & 0o7777) for path in to.rglob("*")}
    assert modes == {(True, 0o751), (False, 0o640)}


def test_contents_that_moved_meanwhile_are_found(
    cast: Cast, files: list[File], export: Export, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when they are sealed anew: the row names another object than when the project was read."""
    from indexapp.services.static_export import project_files

    read = project_files.read

    def moved(page: Any) -> Any:
        found = read(page)
        assert found is not None
        for content in found.contents[:1]:
            found.contents[0] = content._replace(read=lambda: default_storage().read(_nowhere()))
        return found

    monkeypatch.setattr(project_files, "read", moved)
    assert (export(cast.index).lacking, export(cast.index).copied) == (0, 0)
    require_whole(to)


def _nowhere() -> Any:
    from indexapp.storage import StoredBlob

    return StoredBlob("ab/" + "c" * 62, 1)


class TestSince:
    """Only what changed is looked at."""

    def test_looks_at_nothing_else(self, cast: Cast, files: list[File], export: Export, to: Path) -> None:
        export(cast.index)
        seen: list[tuple[int, int]] = []
        path_of(to, files[1]).write_bytes(b"")  # which it does not see
        published(cast.index, build_wheel("two", "2.0"))
        projects.delete(actor=SYSTEM, project=files[0].project)
        summary = export(
            cast.index, since=LAST, deletes=True, progress=lambda done, number: seen.append((done, number))
        )
        assert seen[-1] == (2, 2)
        assert (summary.projects, summary.copied, summary.removed) == (2, 2, 4)
        assert names_in(to) == ["three", "two"]
        assert path_of(to, files[1]).read_bytes() == b""
        export(cast.index)
        require_whole(to)

    def test_ends_where_a_whole_one_does(self, cast: Cast, files: list[File], export: Export, to: Path) -> None:
        first = export(cast.index).serial
        releases.yank(actor=SYSTEM, release=files[0].release, reason="old")
        export(cast.index, since=LAST)
        published(cast.index, build_wheel("four"))
        summary = export(cast.index, since=first)
        other = to.with_name("other")
        assert export(cast.index, folder=other).manifest_sha256 == summary.manifest_sha256
        require_whole(to)

    def test_begins_with_everything(self, cast: Cast, files: list[File], export: Export, to: Path) -> None:
        assert export(cast.index, since=LAST).projects == 3
        require_whole(to)

    def test_a_serial_that_the_folder_has_not_is_refused(
        self, cast: Cast, files: list[File], export: Export, to: Path
    ) -> None:
        serial = export(cast.index).serial
        with pytest.raises(Invalid) as caught:
            export(cast.index, since=serial + 1)
        assert caught.value.code == "export-older"

    def test_rules_and_other_members_have_all_looked_at(
        self, cast: Cast, files: list[File], export: Export, to: Path
    ) -> None:
        group = make_group("all", cast.index)
        export(group)
        first = make_index("first")
        published(first, build_wheel("two", "9.0"))
        export(group, since=LAST)
        assert page_of(to, "two")["versions"] == ["1.0"]
        group.group_members.all().delete()
        for position, member in enumerate((first, cast.index)):
            group.group_members.create(member=member, position=position)
        export(group, since=LAST, deletes=True)
        require_whole(to)
        assert page_of(to, "two")["versions"] == ["9.0"]
        rule = make_rule(None, "hide", projects=["three"])
        export(group, since=LAST, deletes=True)
        require_whole(to)
        assert names_in(to) == ["one", "two"]
        rule.delete()
        process_memory.forget()


def test_a_manifest_that_is_not_whole_is_not_built_upon(
    cast: Cast, files: list[File], export: Export, to: Path
) -> None:
    export(cast.index)
    manifest = to / "manifest.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(Invalid, match="without --since-serial"):
        export(cast.index, since=LAST)
    export(cast.index)
    require_whole(to)


def test_the_manifest_is_read_as_it_was_written(cast: Cast, files: list[File], export: Export, to: Path) -> None:
    export(cast.index)
    with (to / "manifest.json").open("rb") as file:
        head, entries = export_manifest.read(file)
        found = {entry.path: entry for entry in entries}
    said = manifest_of(to)
    assert (head.index, head.serial) == (said["index"], said["serial"])
    assert {path for path, entry in found.items() if entry.kind == "file"} == {*said["files"]}
    assert {path for path, entry in found.items() if entry.kind == "page"} == {*said["pages"]}


def test_others_wait_for_nothing(cast: Cast, files: list[File], to: Path) -> None:
    """Uploads go on while an export is in the middle of a file."""
    inside, go = threading.Event(), threading.Event()
    settle = tree.settle

    def waits(part: Path, target: Path) -> None:
        inside.set()
        assert go.wait(60)
        settle(part, target)

    def run() -> None:
        from django.db import connections

        try:
            exporting.export(actor=SYSTEM, wish=Wish(cast.index.name, to))
        finally:
            connections.close_all()

    tree.settle = waits
    thread = threading.Thread(target=run)
    try:
        thread.start()
        assert inside.wait(60)
        published(cast.index, build_wheel("meanwhile"))
    finally:
        go.set()
        thread.join(60)
        tree.settle = settle
    assert not thread.is_alive()
    require_whole(to)
