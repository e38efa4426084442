"""Prefetches and plans by REST."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.domain.verbs import Verb
from indexapp.domain.locks.targets import PLATFORMS
from indexapp.models import Index, MirrorPlan, PlannedName, PrefetchItem, PrefetchJob
from indexapp.services.mirrors import copying
from tests.api.conftest import AsPerson
from tests.api.rest import refused
from tests.factories.cast import Cast
from tests.factories.publishing import give, make_group, make_index, make_mirror, make_project
from tests.wsgi_client import Answer

pytestmark = pytest.mark.django_db
AT = "indexes/outside/prefetches/"


@pytest.fixture
def mirror(cast: Cast) -> Index:
    index = make_mirror("outside", "https://upstream.example/simple/")
    give(cast.team_admin, [Verb.ADMINISTER], index)
    return index


def test_one_is_begun_and_read(rest: AsPerson, mirror: Index) -> None:
    admin = rest("team_admin")
    answer = admin.post(AT, {"filename": "requirements.txt", "content": "acme==1.0\n-i https://i.example/\n"})
    assert answer.status == 201, answer.body
    said = answer.json
    assert (said["state"], said["total"], said["kind"]) == ("queued", 1, "requirements.txt")
    assert said["targets"] == [[python, "linux-x86_64"] for python in ("3.11", "3.12", "3.13")]
    assert said["notes"] == ["line 2: The option '-i' is left out; the index decides where files come from."]
    assert answer.headers["Location"].endswith(f"/api/v1/{AT}{said['id']}/")
    assert admin.get(f"{AT}{said['id']}/").json == said
    assert admin.rows(AT) == [said]
    (item,) = admin.rows(f"{AT}{said['id']}/items/")
    assert (item["project"], item["state"], item["filename"]) == ("acme", "queued", "")
    assert admin.rows(f"{AT}{said['id']}/items/?state=failed") == []


def test_its_kind_and_targets_may_be_said(rest: AsPerson, mirror: Index) -> None:
    body = {"filename": "mine", "kind": "requirements.txt", "content": "acme", "pythons": ["3.12"]}
    answer = rest("team_admin").post(AT, {**body, "platforms": list(PLATFORMS), "with_sdists": True, "pin": True})
    assert answer.status == 201, answer.body
    assert len(answer.json["targets"]) == len(PLATFORMS)
    assert (answer.json["with_sdists"], answer.json["pin"]) == (True, True)


def test_a_large_list_is_taken_and_a_larger_one_refused(rest: AsPerson, mirror: Index) -> None:
    lines = "".join(f"acme-{number}==1.0 --hash=sha256:{number:064x}\n" for number in range(19_000))
    assert len(lines) > 2**20
    answer = rest("team_admin").post(AT, {"filename": "requirements.txt", "content": lines})
    assert (answer.status, answer.json["total"]) == (201, 19_000)
    answer = rest("team_admin").post(AT, {"filename": "requirements.txt", "content": "#" * (8 * 2**20)})
    refused(answer, 413, "body-too-large")


def _form(*parts: tuple[str, str | bytes, str | None]) -> tuple[bytes, dict[str, str]]:
    """A form of (name, value, file name) and its header, as ``curl -F`` makes them."""
    lines = []
    for name, value, filename in parts:
        named = f'; filename="{filename}"' if filename is not None else ""
        content = value if isinstance(value, bytes) else value.encode()
        lines.append(f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content)
    return b"\r\n".join([*lines, b"--b--\r\n"]), {"Content-Type": "multipart/form-data; boundary=b"}


def _posted(rest: AsPerson, *parts: tuple[str, str | bytes, str | None], **headers: str) -> Answer:
    body, header = _form(*parts)
    return rest("team_admin").client.request("POST", f"/api/v1/{AT}", headers={**header, **headers}, body=body)


LIST = ("file", "acme==1.0\n", "requirements.txt")


def test_a_list_comes_as_a_file_of_a_form(rest: AsPerson, mirror: Index) -> None:
    said = _posted(rest, LIST)
    assert (said.status, said.json["name"], said.json["with_sdists"]) == (201, "requirements.txt", False), said.body
    more = [("pythons", "3.12", None), ("pythons", "3.13", None), ("platforms", "macos-arm64", None)]
    said = _posted(rest, ("content", "acme", "mine"), *more, ("kind", "requirements.txt", None), ("pin", "true", None))
    assert (said.status, said.json["pin"], len(said.json["targets"])) == (201, True, 2), said.body
    said = _posted(rest, ("filename", "requirements.txt", None), ("content", "acme", None))
    assert said.status == 201
    assert PrefetchItem.objects.filter(project="acme").count() == 3


def test_a_large_file_is_taken_and_a_larger_one_refused(rest: AsPerson, mirror: Index) -> None:
    lines = "".join(f"acme-{number}==1.0 --hash=sha256:{number:064x}\n" for number in range(19_000))
    said = _posted(rest, ("file", lines, "requirements.txt"))
    assert (said.status, said.json["total"]) == (201, 19_000)
    refused(_posted(rest, ("file", "#" * (8 * 2**20), "requirements.txt")), 413, "body-too-large")


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([], None),
        ([("filename", "requirements.txt", None)], None),
        ([LIST, LIST], "form-broken"),
        ([("other", "acme", "requirements.txt")], "form-broken"),
        ([LIST, ("kind", "uv.lock", None), ("kind", "uv.lock", None)], "form-broken"),
        ([LIST, ("content", "acme", None)], "form-broken"),
        ([LIST, ("pin", "perhaps", None)], None),
        ([LIST, ("more", "1", None)], None),
        ([LIST, ("kind", b"\xff", None)], "field-not-utf8"),
        ([("file", b"\xff\xfe", "requirements.txt")], "list-invalid"),
        ([LIST] + [("pythons", "3.12", None)] * 200, "form-broken"),
    ],
)
def test_a_form_of_nonsense_is_refused(
    rest: AsPerson, mirror: Index, parts: list[tuple[str, str | bytes, str | None]], code: str | None
) -> None:
    refused(_posted(rest, *parts), 400, code)
    assert not PrefetchJob.objects.exists()


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=c"]
)
def test_a_form_without_its_boundary_is_refused(rest: AsPerson, mirror: Index, kind: str) -> None:
    refused(_posted(rest, LIST, **{"Content-Type": kind}), 400, "form-broken")


@pytest.mark.parametrize(
    ("parts", "header", "sentence"),
    [
        ([("pythons", "3.12", None)], {}, "The form has no file; send the list as the file 'file'."),
        ([LIST], {"Content-Type": "multipart/form-data"}, "names no boundary between the form's parts"),
        ([LIST], {"Content-Type": "multipart/form-data; boundary="}, "names no boundary between the form's parts"),
        ([LIST], {"Content-Type": "multipart/form-data; boundary=c"}, "broken or was cut off: "),
    ],
)
def test_what_is_wrong_with_a_form_is_said_in_its_words(
    rest: AsPerson,
    mirror: Index,
    parts: list[tuple[str, str | bytes, str | None]],
    header: dict[str, str],
    sentence: str,
) -> None:
    detail = refused(_posted(rest, *parts, **header), 400, None)["detail"]
    assert sentence in detail
    assert "Error" not in detail


def test_a_file_name_that_is_no_text_is_refused_in_words(rest: AsPerson, mirror: Index) -> None:
    body, header = _form(("file", "acme", "NAME"))
    body = body.replace(b"NAME", b"requirements-\xff.txt")
    answer = rest("team_admin").client.request("POST", f"/api/v1/{AT}", headers=header, body=body)
    assert refused(answer, 400, "form-broken")["detail"].startswith("A name in the form is not UTF-8; give the list")


def test_another_kind_of_body_is_told_of_both(rest: AsPerson, mirror: Index) -> None:
    detail = refused(_posted(rest, LIST, **{"Content-Type": "text/plain"}), 415, None)["detail"]
    assert detail.endswith("in the header 'Content-Type': application/json or multipart/form-data.")


@pytest.mark.parametrize("header", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_no_page_elsewhere_has_a_browser_send_a_form(rest: AsPerson, mirror: Index, header: dict[str, str]) -> None:
    refused(_posted(rest, LIST, **header), 403, "cross-site")
    assert not PrefetchJob.objects.exists()


def test_a_session_sends_no_form(mirror: Index, cast: Cast) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.team_admin)
    browser.cookies[settings.CSRF_COOKIE_NAME] = token = "a" * 32
    for headers in ({}, {"X-CSRFToken": token}):
        file = SimpleUploadedFile("requirements.txt", b"acme")
        answer = browser.post(f"/api/v1/{AT}", {"file": file}, headers=headers)
        assert answer.status_code == (400 if headers else 403), answer.content
    assert answer.json()["detail"] == "With a browser's session send the list as JSON; a form is taken with a token."
    assert not PrefetchJob.objects.exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"filename": "requirements.txt", "content": "-r other.txt"}, "list-nested"),
        ({"filename": "requirements.txt", "content": "# nothing"}, "list-empty"),
        ({"filename": "Pipfile.lock", "content": "{}"}, "list-unknown"),
        ({"filename": "uv.lock", "content": "["}, "list-invalid"),
        ({"filename": "requirements.txt", "content": "acme", "pythons": ["2.7"]}, "target-unknown"),
        ({"filename": "requirements.txt", "content": "acme", "pythons": []}, "target-unknown"),
        ({"filename": "requirements.txt", "content": "acme", "platforms": ["amiga"]}, None),
        ({"filename": "requirements.txt"}, None),
        (b"{", "json-broken"),
    ],
)
def test_nonsense_is_refused(rest: AsPerson, mirror: Index, body: object, code: str | None) -> None:
    refused(rest("team_admin").post(AT, body), 400, code)
    assert not PrefetchJob.objects.exists()


def test_one_is_cancelled_once(rest: AsPerson, mirror: Index) -> None:
    job = PrefetchJob.objects.create(index=mirror, name="uv.lock", kind="uv.lock")
    answer = rest("team_admin").post(f"{AT}{job.pk}/cancel/", {})
    assert (answer.status, answer.json["state"]) == (200, "cancelled")
    refused(rest("team_admin").post(f"{AT}{job.pk}/cancel/", {}), 409, "prefetch-over")


def test_who_watches_looks_on(rest: AsPerson, mirror: Index) -> None:
    job = PrefetchJob.objects.create(index=mirror, name="uv.lock", kind="uv.lock")
    for role in ("operator", "auditor", "security_officer"):
        assert rest(role).get(f"{AT}{job.pk}/").status == 200
        refused(rest(role).post(f"{AT}{job.pk}/cancel/", {}), 403)
    refused(rest("operator").get("indexes/nowhere/prefetches/"), 404)
    refused(rest("team_admin").get(f"{AT}{2**63}/"), 404)


@pytest.mark.parametrize("count", [1, 50])
def test_lists_cost_the_same_for_one_and_fifty(
    rest: AsPerson, mirror: Index, count: int, django_assert_max_num_queries: object
) -> None:
    jobs = [PrefetchJob.objects.create(index=mirror, name="uv.lock", kind="uv.lock") for _ in range(count)]
    PrefetchItem.objects.bulk_create([PrefetchItem(job=jobs[0], project=f"p{number}") for number in range(count)])
    admin = rest("team_admin")
    admin.get(AT)
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        assert len(admin.get(AT).json["results"]) == count
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        assert len(admin.get(f"{AT}{jobs[0].pk}/items/").json["results"]) == count


def test_a_plan(rest: AsPerson, mirror: Index) -> None:
    admin = rest("team_admin")
    assert admin.get("indexes/outside/copy-plan/").json["is_on"] is False
    assert not MirrorPlan.objects.exists()
    answer = admin.patch("indexes/outside/copy-plan/", {"is_on": True, "include": ["acme-*"], "newest": 3})
    assert answer.status == 200, answer.body
    assert (answer.json["is_on"], answer.json["include"], answer.json["waiting"]) == (True, ["acme-*"], 0)
    assert admin.get("indexes/outside/copy-plan/").json == answer.json
    for body in ({"newest": 0}, {"include": ["A b"]}, {"cursor": 3}, {}, {"platforms": ["amiga"]}):
        refused(admin.patch("indexes/outside/copy-plan/", body), 400)
    assert MirrorPlan.objects.get().newest == 3


def test_what_a_plan_gave_up_is_listed(rest: AsPerson, mirror: Index) -> None:
    admin, address = rest("team_admin"), "indexes/outside/copy-plan/given-up/"
    assert admin.get(address).json["results"] == []
    admin.patch("indexes/outside/copy-plan/", {"is_on": True})
    plan, again = MirrorPlan.objects.get(), timezone.now() + timedelta(days=7)
    PlannedName.objects.create(plan=plan, normalized_name="waits", attempts=2, reason="It was slow.")
    PlannedName.objects.create(
        plan=plan, normalized_name="broken", attempts=copying.MOST_ATTEMPTS, reason="Wrong bytes.", not_before=again
    )
    [row] = admin.get(address).json["results"]
    assert (row["name"], row["reason"], row["again_at"][:10]) == ("broken", "Wrong bytes.", f"{again:%Y-%m-%d}")
    assert admin.get("indexes/outside/copy-plan/").json["given_up"] == 1
    refused(admin.get("indexes/main/copy-plan/given-up/"), 400)
    refused(rest("reader").get(address), 403)


def test_who_looks_reads_of_names_of_ours_by_their_own_right(rest: AsPerson, cast: Cast, mirror: Index) -> None:
    secret = make_index("secret")
    make_project(secret, "acme-secret")
    group = make_group("all", secret, mirror)
    give(cast.team_admin, [Verb.ADMINISTER], group)
    job = PrefetchJob.objects.create(index=group, name="requirements.txt", kind="requirements.txt", state="done")
    PrefetchJob.objects.update(total=1, done=1)
    PrefetchItem.objects.create(job=job, project="acme-secret", state="ours", reason="The name is ours.")
    at = "indexes/all/prefetches/"
    admin, officer = rest("team_admin"), rest("administrator")
    (item,) = admin.rows(f"{at}{job.pk}/items/?state=failed")
    assert (item["state"], item["reason"]) == ("failed", "There is no project 'acme-secret' in 'all' or upstream.")
    assert admin.rows(f"{at}{job.pk}/items/?state=ours") == []
    assert admin.rows(at + "?state=done") == []
    (row,) = admin.rows(at + "?state=failed")
    assert row == admin.get(f"{at}{job.pk}/").json
    assert (row["state"], row["done"], row["failed"]) == ("failed", 0, 1)
    assert [item["reason"] for item in officer.rows(f"{at}{job.pk}/items/?state=ours")] == ["The name is ours."]
    assert officer.get(f"{at}{job.pk}/").json["state"] == "done"
