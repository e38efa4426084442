"""What an accepted upload leaves: rows, bytes, evidence; and what happens when it comes again."""

from __future__ import annotations

import hashlib
from typing import Any, NoReturn

import pytest

from indexapp.models import Blob, Description, File, Project, Release
from indexapp.services import blobs
from indexapp.services.blobs import BlobVanishedError, Stored
from indexapp.storage import default_storage
from tests import evidence
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import make_index, published, upload

pytestmark = [pytest.mark.database, pytest.mark.django_db]

HEADERS = [("Summary", "Tools of Acme"), ("Requires-Python", ">=3.11"), ("Requires-Dist", "anvil>=2")]


def test_a_wheel_becomes_project_release_file_and_two_blobs(cast: Cast) -> None:
    built = build_wheel("Acme.Tool", "1.0", headers=HEADERS, description="# Acme")
    found = evidence.collecting()
    accepted = upload(cast.index, built, actor=cast.actor("uploader"), comment="by hand")

    assert accepted.is_new
    [project], [release], [file] = Project.objects.all(), Release.objects.all(), File.objects.all()
    assert (project.name, project.normalized_name, project.summary) == ("Acme.Tool", "acme-tool", "Tools of Acme")
    assert (project.total_size, project.last_serial) == (len(built.content), found.changes[0].serial)
    assert (release.version, release.requires_python, release.metadata_source) == ("1.0", ">=3.11", "bdist_wheel")
    assert release.metadata["requires_dist"] == ["anvil>=2"]
    assert "description" not in release.metadata
    assert Description.objects.get(release=release).raw == "# Acme"
    assert (file.filename, file.kind, file.python_tag) == (built.filename, "bdist_wheel", "py3")
    assert (file.index, file.project, file.release) == (cast.index, project, release)
    assert (file.size, file.requires_python, file.comment) == (len(built.content), ">=3.11", "by hand")
    assert (file.uploaded_by, file.is_yanked) == ("uploader", False)
    assert file.sha256 == hashlib.sha256(built.content).hexdigest()
    assert file.blake2b_256 == hashlib.blake2b(built.content, digest_size=32).hexdigest()
    assert file.md5 == hashlib.md5(built.content).hexdigest()
    assert b"".join(default_storage().read(file.blob.place)) == built.content
    assert file.metadata_blob is not None
    metadata = b"".join(default_storage().read(file.metadata_blob.place))
    assert metadata.startswith(b"Metadata-Version: 2.4\nName: Acme.Tool\n")
    assert hashlib.sha256(metadata).hexdigest() == file.metadata_sha256


def test_the_evidence_of_an_upload(cast: Cast) -> None:
    found = evidence.collecting()
    file = published(cast.index, actor=cast.actor("uploader"))
    [entry], [change] = found.audit, found.changes
    assert (entry.action, entry.object_name, entry.actor_name) == ("file.upload", file.filename, "uploader")
    assert entry.detail == {
        "index": "main",
        "project": "acme-tool",
        "version": "1.0",
        "sha256": file.sha256,
        "size": file.size,
    }
    assert (change.kind, change.project, change.version, change.filename) == (
        "file-added",
        "acme-tool",
        "1.0",
        file.filename,
    )
    assert change.detail == {"sha256": file.sha256, "new_project": True, "new_release": True}


def test_the_change_tells_what_is_new(cast: Cast) -> None:
    found = evidence.collecting()
    upload(cast.index)
    upload(cast.index, build_sdist())
    upload(cast.index, build_wheel(version="2.0"))
    told = [(change.detail["new_project"], change.detail["new_release"]) for change in found.changes]
    assert told == [(True, True), (False, False), (False, True)]


def test_the_same_file_again_changes_nothing(cast: Cast) -> None:
    first = upload(cast.index)
    before = evidence.state()
    again = upload(cast.index)
    assert (first.is_new, again.is_new) == (True, False)
    assert evidence.state() == before


def test_the_same_file_again_is_for_those_who_may_upload(cast: Cast) -> None:
    upload(cast.index)
    actor = cast.actor("reader")
    with evidence.refused("right-missing"):
        upload(cast.index, actor=actor)


def test_other_spellings_of_a_version_are_the_same_release(cast: Cast) -> None:
    upload(cast.index, build_wheel(version="1.0"))
    upload(cast.index, build_wheel(version="1.0.0"))
    upload(cast.index, build_sdist(version="1"))
    [release] = Release.objects.all()
    assert (release.version, release.canonical_version, release.files.count()) == ("1.0", "1", 3)


def test_sizes_add_up(cast: Cast) -> None:
    files = [build_wheel(), build_sdist(), build_wheel(version="2.0")]
    for built in files:
        upload(cast.index, built)
    assert Project.objects.get().total_size == sum(len(built.content) for built in files)


def test_the_same_bytes_in_two_indexes_are_kept_once(cast: Cast) -> None:
    upload(cast.index)
    before = evidence.files()
    upload(make_index("other"))
    assert evidence.files() == before
    assert File.objects.count() == 2
    assert Blob.objects.count() == 2  # the wheel and its METADATA


@pytest.mark.parametrize(
    ("values", "has_metadata"),
    [
        ({"metadata_version": "2.2"}, True),
        ({"metadata_version": "2.4", "headers": [("Dynamic", "Summary")]}, True),
        ({"metadata_version": "2.1"}, False),
        ({"metadata_version": "2.2", "headers": [("Dynamic", "Requires-Dist")]}, False),
        ({"metadata_version": "2.2", "headers": [("Dynamic", "requires-python")]}, False),
        ({"metadata_version": "2.2", "headers": [("Dynamic", "Provides-Extra")]}, False),
    ],
)
def test_an_sdists_metadata_is_served_only_when_it_cannot_change(
    cast: Cast, values: dict[str, Any], has_metadata: bool
) -> None:
    file = published(cast.index, build_sdist(**values))
    assert bool(file.metadata_sha256) is (file.metadata_blob is not None) is has_metadata


class TestWhoseMetadataSpeaks:
    """A wheel's stands above an sdist's, whichever comes first; of one kind the first stands."""

    wheel = build_wheel(headers=[("Summary", "wheel"), ("Requires-Dist", "anvil")], description="the wheel's")
    other = build_wheel(
        headers=[("Summary", "other"), ("Requires-Dist", "bellows")], description="the other's", build="2"
    )
    sdist = build_sdist(headers=[("Summary", "sdist"), ("Dynamic", "Requires-Dist")], description="the sdist's")

    def told(self) -> tuple[str, str, list[str], str]:
        release = Release.objects.get()
        description = Description.objects.get(release=release).raw
        return release.metadata_source, release.summary, release.metadata.get("requires_dist", []), description

    @pytest.mark.parametrize("order", [("sdist", "wheel"), ("wheel", "sdist"), ("wheel", "other", "sdist")])
    def test_the_first_wheel_speaks(self, cast: Cast, order: tuple[str, ...]) -> None:
        for name in order:
            upload(cast.index, getattr(self, name))
        assert self.told() == ("bdist_wheel", "wheel", ["anvil"], "the wheel's")
        assert Project.objects.get().summary == "wheel"

    def test_an_sdist_speaks_while_there_is_no_wheel(self, cast: Cast) -> None:
        upload(cast.index, self.sdist)
        assert self.told() == ("sdist", "sdist", [], "the sdist's")


class TestSnapshot:
    """An index whose files may be replaced."""

    @pytest.fixture
    def old(self, cast: Cast) -> File:
        cast.index.profile = "snapshot"
        cast.index.save()
        return published(cast.index, build_wheel(headers=[("Summary", "old")], description="old"))

    new = build_wheel(headers=[("Summary", "new"), ("Requires-Dist", "anvil")], description="new")

    def test_the_file_and_its_metadata_are_replaced(self, cast: Cast, old: File) -> None:
        found = evidence.collecting()
        assert upload(cast.index, self.new).is_new
        [file] = File.objects.all()
        assert file.sha256 == hashlib.sha256(self.new.content).hexdigest()
        release = Release.objects.get()
        assert (release.summary, release.metadata["requires_dist"]) == ("new", ["anvil"])
        assert Description.objects.get().raw == "new"
        project = Project.objects.get()
        assert (project.summary, project.total_size) == ("new", len(self.new.content))
        assert (found.actions, found.kinds) == (["file.replace"], ["file-replaced"])

    def test_the_same_bytes_again_change_nothing(self, cast: Cast, old: File) -> None:
        before = evidence.state()
        assert not upload(cast.index, build_wheel(headers=[("Summary", "old")], description="old")).is_new
        assert evidence.state() == before

    def test_a_deleted_files_name_is_free(self, cast: Cast, old: File) -> None:
        from indexapp.services import releases

        releases.delete_file(actor=cast.actor("administrator"), file=old)
        assert upload(cast.index, self.new).is_new

    def test_what_is_replaced_makes_room(self, cast: Cast, old: File) -> None:
        cast.index.max_project_size = max(old.size, len(self.new.content))
        cast.index.save()
        assert upload(cast.index, self.new).is_new

    def test_an_sdists_replacement_does_not_speak_over_a_wheel(self, cast: Cast, old: File) -> None:
        upload(cast.index, build_sdist(headers=[("Summary", "sdist")]))
        upload(cast.index, build_sdist(headers=[("Summary", "other sdist")]))
        assert Release.objects.get().summary == "old"

    def test_a_file_that_another_project_has_under_this_name_is_not_replaced(self, cast: Cast, old: File) -> None:
        """``foo-2-1.zip`` is version 1 of foo-2 as well as version 2-1 of foo."""
        first = build_sdist("foo", "2.post1", suffix=".zip")._replace(filename="foo-2-1.zip")
        second = build_sdist("foo-2", "1", suffix=".zip")._replace(filename="foo-2-1.zip")
        upload(cast.index, first, name="foo", version="2.post1")
        with evidence.refused("file-exists"):
            upload(cast.index, second, name="foo-2", version="1")


def test_metadata_that_vanishes_before_its_row_is_put_again_and_the_file_stays(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another upload of the same release brought the metadata, was refused, and took it back."""
    claim, vanished = blobs.claim, []

    def claim_late(file: Stored, *metadata: Stored) -> dict[str, Blob]:
        if not vanished:
            vanished.extend(metadata)
            default_storage().delete(metadata[0].object_name)
        return claim(file, *metadata)

    monkeypatch.setattr(blobs, "claim", claim_late)
    assert upload(cast.index).is_new
    assert vanished
    assert len(evidence.files()) == 2


def test_what_vanishes_again_and_again_leaves_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*stored: Stored) -> NoReturn:
        raise BlobVanishedError(stored[0].sha256)

    monkeypatch.setattr(blobs, "claim", never)
    with pytest.raises(BlobVanishedError):
        upload(cast.index)
    assert evidence.files() == {}
