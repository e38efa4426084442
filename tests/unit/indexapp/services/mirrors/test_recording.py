"""What an upstream says, changes and takes back, as rows."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Alarm
from accounts.services import generations
from indexapp.models import Change, File, Index, MirroredFile, MirroredProject, Project, Release, Upstream
from indexapp.services.mirrors import asking
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.servers.static_index import Behaviour, StaticFile, StaticIndex
from tests.wsgi_client import WsgiClient

pytestmark = pytest.mark.database
NAME = "acme-tool"
FIRST, SECOND = "acme_tool-1.0-py3-none-any.whl", "acme_tool-1.1-py3-none-any.whl"


def ask(mirror: Index, name: str = NAME) -> MirroredProject:
    """Ask now, whatever is known."""
    row, _ = MirroredProject.objects.get_or_create(index=mirror, normalized_name=name)
    asking.ask_now(mirror.pk, name, row)
    row.refresh_from_db()
    return row


def follow(**settings: str) -> None:
    Upstream.objects.update(**settings)


def shown(machine: WsgiClient) -> dict[str, dict[str, Any]]:
    page = machine.get(f"/outside/simple/{NAME}/", Accept="application/vnd.pypi.simple.v1+json")
    return {file["filename"]: file for file in page.json["files"]}


def changes() -> int:
    return Change.objects.filter(kind="project-mirrored").count()


def test_rows_are_those_of_a_hosted_project_without_bytes(upstream: StaticIndex, mirror: Index) -> None:
    row = ask(mirror)
    assert row.project is not None
    assert (row.failure, row.is_gone, row.project.status) == ("", False, "active")
    file = File.objects.get(filename=SECOND)
    assert (file.blob, file.size) == (None, len(upstream.files[SECOND].content))
    assert file.sha256 == hashlib.sha256(upstream.files[SECOND].content).hexdigest()
    assert file.mirrored.url == upstream.file_url(SECOND)
    assert set(Release.objects.values_list("version", "created_at__year")) == {("1.0", 2024), ("1.1", 2024)}


def test_nothing_is_written_to_the_log_of_changes_when_nothing_differs(upstream: StaticIndex, mirror: Index) -> None:
    ask(mirror)
    upstream.behaviour = Behaviour(has_etags=False)
    ask(mirror)
    assert changes() == 1


def test_yanks_are_followed_and_taken_back(machine: WsgiClient, upstream: StaticIndex, mirror: Index) -> None:
    original = upstream.files[FIRST]
    ask(mirror)
    upstream.publish(StaticFile(FIRST, original.content, yanked="loses data"))
    ask(mirror)
    assert (shown(machine)[FIRST]["yanked"], shown(machine)[SECOND]["yanked"]) == ("loses data", False)
    assert Release.objects.get(version="1.0").is_yanked
    upstream.publish(original)
    ask(mirror)
    assert shown(machine)[FIRST]["yanked"] is False
    assert not Release.objects.get(version="1.0").is_yanked
    assert changes() == 3


def test_yanks_are_left_out_where_the_mirror_keeps(machine: WsgiClient, upstream: StaticIndex, mirror: Index) -> None:
    follow(on_yank="keep")
    upstream.publish(StaticFile(FIRST, upstream.files[FIRST].content, yanked=True))
    ask(mirror)
    assert shown(machine)[FIRST]["yanked"] is False


def test_a_file_that_was_removed_stays_and_is_marked(machine: WsgiClient, upstream: StaticIndex, mirror: Index) -> None:
    ask(mirror)
    upstream.remove(FIRST)
    ask(mirror)
    assert set(shown(machine)) == {FIRST, SECOND}
    assert MirroredFile.objects.get(file__filename=FIRST).removed_at is not None


def test_a_file_that_was_removed_is_hidden_where_the_mirror_follows_and_comes_back(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    follow(on_removal="hide")
    original = upstream.files[FIRST]
    ask(mirror)
    upstream.remove(FIRST)
    ask(mirror)
    assert set(shown(machine)) == {SECOND}
    upstream.publish(original)
    ask(mirror)
    assert set(shown(machine)) == {FIRST, SECOND}


def test_what_comes_back_with_other_bytes_is_a_conflict(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    follow(on_removal="hide")
    ask(mirror)
    upstream.remove(FIRST)
    ask(mirror)
    upstream.publish(build_wheel(NAME, "1.0", files={"acme_tool/__init__.py": b"EVIL = 1\n"}))
    ask(mirror)
    assert FIRST not in shown(machine)
    assert MirroredFile.objects.get(file__filename=FIRST).conflict


def test_other_bytes_under_a_known_name_are_a_conflict_that_rings_once(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    ask(mirror)
    ours = shown(machine)[FIRST]
    upstream.publish(build_wheel(NAME, "1.0", files={"acme_tool/__init__.py": b"EVIL = 1\n"}))
    for _ in range(2):
        ask(mirror)
    assert shown(machine)[FIRST] == ours
    alarm = Alarm.objects.get(code="mirror-conflict")
    assert (alarm.subject, alarm.count) == (f"outside/{FIRST}", 1)


@pytest.mark.parametrize(("follows", "files"), [("keep", 2), ("hide", 0)])
def test_a_project_that_is_gone_is_kept_or_hidden(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, follows: str, files: int
) -> None:
    follow(on_removal=follows)
    ask(mirror)
    upstream.behaviour = Behaviour(status=404)
    row = ask(mirror)
    assert row.is_gone
    assert len(shown(machine)) == files


@pytest.mark.parametrize(("follows", "status"), [("hide", "quarantined"), ("keep", "deprecated")])
def test_a_quarantine_is_followed_or_told(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, follows: str, status: str
) -> None:
    follow(on_quarantine=follows)
    ask(mirror)
    upstream.mark(NAME, "quarantined", "malware")
    ask(mirror)
    project = Project.objects.get(normalized_name=NAME)
    assert project.status == status
    assert "malware" in project.status_reason
    assert (shown(machine) == {}) == (status == "quarantined")


def test_an_upstream_without_digests_has_its_files_listed_without_any(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index
) -> None:
    upstream.behaviour = Behaviour(forms=("html",), hashes="none", urls="base")
    ask(mirror)
    file = shown(machine)[FIRST]
    assert (file["hashes"], "size" in file) == ({}, False)
    assert b"#sha256" not in machine.get(f"/outside/simple/{NAME}/", Accept="text/html").body


def test_scripts_and_paths_in_a_page_come_to_nothing(machine: WsgiClient, upstream: StaticIndex, mirror: Index) -> None:
    upstream.behaviour = Behaviour(forms=("html",), fault="injection", on="page")
    ask(mirror)
    body = machine.get(f"/outside/simple/{NAME}/", Accept="text/html").body
    assert b"<script" not in body
    assert b".." not in body
    assert all(name.startswith("acme_tool-") for name in File.objects.values_list("filename", flat=True))


def test_a_failure_changes_nothing_but_says_why(upstream: StaticIndex, mirror: Index) -> None:
    ask(mirror)
    upstream.behaviour = Behaviour(status=500)
    row = ask(mirror)
    assert row.project is not None
    assert row.failure
    assert row.failed_at is not None
    assert row.failed_at > timezone.now() - timedelta(minutes=1)
    assert row.asked_until is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("suffix", ["", ".metadata"])
def test_what_the_upstream_took_back_is_not_served_by_its_address_either(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, cast: Cast, suffix: str
) -> None:
    follow(on_removal="hide")
    original = upstream.files[FIRST]
    ask(mirror)
    path = shown(machine)[FIRST]["url"] + suffix
    assert machine.get(path).status == 200
    upstream.remove(FIRST)
    ask(mirror)
    answer = machine.get(path)
    assert (answer.status, answer.code) == (410, "upstream-gone")
    Index.objects.update(anonymous_read=False)
    generations.bump_access()
    assert machine.get(path).status == 401
    assert machine.get(path, **cast.bearer("outsider")).status == 403
    upstream.publish(original)
    ask(mirror)
    assert machine.get(path, **cast.bearer("administrator")).status == 200


def test_a_file_that_is_new_on_a_known_page_is_no_older_than_our_look_at_it(
    upstream: StaticIndex, mirror: Index
) -> None:
    ask(mirror)
    upstream.publish(StaticFile(*build_wheel(NAME, "1.2"), upload_time="2020-01-01T00:00:00Z"))
    ask(mirror)
    uploaded = dict(File.objects.values_list("filename", "uploaded_at"))
    assert uploaded[FIRST].year == 2024
    assert uploaded["acme_tool-1.2-py3-none-any.whl"] > timezone.now() - timedelta(days=1, minutes=5)


def test_the_first_page_of_a_project_that_was_missing_is_believed(upstream: StaticIndex, mirror: Index) -> None:
    ask(mirror, "acme-late")
    upstream.publish(StaticFile(*build_wheel("acme-late", "1.0"), upload_time="2020-01-01T00:00:00Z"))
    ask(mirror, "acme-late")
    assert File.objects.get(project__normalized_name="acme-late").uploaded_at.year == 2020


@pytest.mark.parametrize("forms", [("json",), ("html",)])
def test_an_upload_time_of_the_future_is_none(
    machine: WsgiClient, upstream: StaticIndex, mirror: Index, forms: tuple[Any, ...]
) -> None:
    upstream.behaviour = Behaviour(forms=forms)
    upstream.publish(StaticFile(*build_wheel(NAME, "1.2"), upload_time="9999-12-31T23:59:59Z"))
    ask(mirror)
    assert File.objects.get(filename="acme_tool-1.2-py3-none-any.whl").uploaded_at < timezone.now()
    assert len(shown(machine)) == 3
