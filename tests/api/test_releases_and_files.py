from __future__ import annotations

import pytest

from indexapp.models import Change, File, Index, Release, RetiredFilename
from tests.api.conftest import AsPerson
from tests.api.rest import refused
from tests.builders.wheels import build_wheel
from tests.factories.publishing import published

PROJECT = "indexes/main/projects/acme-tool/"
RELEASE = f"{PROJECT}releases/1.0/"
WHEEL = "acme_tool-1.0-py3-none-any.whl"


def test_releases_by_version_with_their_marks(rest: AsPerson, acme: Index):
    Release.objects.filter(version="1.1").update(is_yanked=True)
    reader = rest("reader")
    assert reader.names(f"{PROJECT}releases/") == ["1.1", "1.0"]
    assert reader.names(f"{PROJECT}releases/?yanked=true") == ["1.1"]
    assert reader.names(f"{PROJECT}releases/?yanked=FALSE") == ["1.0"]
    assert reader.names(f"{PROJECT}releases/?prerelease=true") == []
    assert "yanked" in refused(reader.get(f"{PROJECT}releases/?yanked=perhaps"), 400)["detail"]


def test_a_release_with_its_metadata_and_files(rest: AsPerson, main: Index):
    published(main, build_wheel(headers=[("Summary", "Tools"), ("Requires-Dist", "wheels")]))
    whole = rest("reader").get(f"{PROJECT}releases/v1.0.0/").json
    assert (whole["name"], whole["version"], whole["index"], whole["project"]) == ("1.0", "1.0", "main", "acme-tool")
    assert whole["metadata"]["requires_dist"] == ["wheels"]
    (file,) = whole["files"]
    assert file["filename"] == WHEEL


def test_a_files_url_serves_its_bytes(rest: AsPerson, main: Index):
    built = build_wheel()
    published(main, built)
    reader = rest("reader")
    row = reader.get(f"{PROJECT}files/{WHEEL}/").json
    assert (row["name"], row["version"], row["kind"], row["size"]) == (WHEEL, "1.0", "bdist_wheel", len(built.content))
    assert reader.get(row["url"]).body == built.content


def test_files_below_project_and_release(rest: AsPerson, acme: Index):
    reader = rest("reader")
    assert len(reader.rows(f"{PROJECT}files/")) == 3
    assert reader.names(f"{RELEASE}files/") == [WHEEL, "acme_tool-1.0.tar.gz"]
    assert reader.names(f"{RELEASE}files/?kind=sdist") == ["acme_tool-1.0.tar.gz"]
    assert reader.get(f"{RELEASE}files/{WHEEL}/").json == reader.get(f"{PROJECT}files/{WHEEL}/").json
    refused(reader.get(f"{PROJECT}releases/1.1/files/{WHEEL}/"), 404)
    refused(reader.get(f"{PROJECT}releases/2.0/files/"), 404)
    refused(reader.get(f"{PROJECT}releases/not a version/".replace(" ", "%20")), 404)
    refused(reader.get(f"{PROJECT}files/nothing.whl/"), 404)


def test_yanking_and_unyanking_a_release(rest: AsPerson, acme: Index):
    team_admin = rest("team_admin")
    yanked = team_admin.post(f"{RELEASE}yank/", {"reason": "Breaks on 3.13."})
    assert (yanked.status, yanked.json["is_yanked"], yanked.json["yank_reason"]) == (200, True, "Breaks on 3.13.")
    unyanked = team_admin.post(f"{RELEASE}unyank/").json
    assert (unyanked["is_yanked"], unyanked["yank_reason"]) == (False, "")
    assert [change.kind for change in Change.objects.order_by("serial")] == ["release-yanked", "release-unyanked"]
    refused(team_admin.post(f"{RELEASE}unyank/", {"reason": "x"}), 400)
    refused(rest("uploader").post(f"{RELEASE}yank/"), 403, "right-missing")


@pytest.mark.parametrize("below", [PROJECT, RELEASE])
def test_yanking_unyanking_and_deleting_a_file(rest: AsPerson, acme: Index, below: str):
    team_admin = rest("team_admin")
    path = f"{below}files/{WHEEL}/"
    assert team_admin.post(f"{path}yank/", {"reason": "Wrong."}).json["is_yanked"] is True
    assert team_admin.names(f"{PROJECT}files/?yanked=true") == [WHEEL]
    assert team_admin.post(f"{path}unyank/").json["is_yanked"] is False
    refused(rest("uploader").delete(path), 403, "right-missing")
    assert team_admin.delete(path).status == 204
    assert RetiredFilename.objects.get().filename == WHEEL
    refused(team_admin.delete(path), 404)


def test_deleting_a_release(rest: AsPerson, acme: Index):
    assert rest("team_admin").delete(RELEASE).status == 204
    assert rest("reader").names(f"{PROJECT}releases/") == ["1.1"]
    assert File.objects.count() == 1
    refused(rest("team_admin").delete(RELEASE), 404)


def test_there_is_no_uploading_here(rest: AsPerson, acme: Index):
    for path in (f"{PROJECT}releases/", f"{PROJECT}files/", RELEASE):
        answer = rest("administrator").post(path, {})
        refused(answer, 405, "method-not-allowed")
        assert "GET" in answer.headers["Allow"]
