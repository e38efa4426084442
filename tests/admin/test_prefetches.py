"""Prefetches and copies of upstreams in the console."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django_q.models import OrmQ

from accounts.domain.verbs import Verb
from accounts.models import User
from indexapp.models import Index, MirrorPlan, PlannedName, PrefetchItem, PrefetchJob
from indexapp.services.mirrors import copying
from tests.admin.conftest import SignIn
from tests.factories.people import make_user
from tests.factories.publishing import give, make_group, make_index, make_mirror, make_project

pytestmark = pytest.mark.django_db(transaction=True)

LIST, BEGIN = "/admin/indexapp/prefetchjob/", "/admin/indexapp/prefetchjob/begin/"
PLANS = "/admin/indexapp/mirrorplan/"


@pytest.fixture
def mirror(db: None) -> Index:
    return make_mirror("outside", "https://upstream.example/simple/")


@pytest.fixture
def keeper(mirror: Index) -> User:
    """Administers the mirror and a hosted index."""
    person = make_user("keeper")
    give(person, [Verb.ADMINISTER], mirror)
    give(person, [Verb.ADMINISTER], make_index("hosted"))
    return person


def _form(index: Index, content: bytes = b"acme-tool==1.0\n", **values: object) -> dict[str, object]:
    file = SimpleUploadedFile("requirements.txt", content)
    return {"index": index.pk, "file": file, "pythons": "3.12", "platforms": ["linux-x86_64"], **values}


def test_a_list_is_sent_and_its_page_shows_how_it_goes(keeper: User, mirror: Index, sign_in: SignIn) -> None:
    browser = sign_in(keeper)
    assert f'href="{BEGIN}"' in browser.get(LIST).content.decode()
    page = browser.get(BEGIN).content.decode()
    assert "outside</option>" in page
    assert "hosted</option>" not in page
    answer = browser.post(BEGIN, _form(mirror), follow=True)
    job = PrefetchJob.objects.get()
    assert answer.redirect_chain == [(f"{LIST}{job.pk}/change/", 302)]
    assert (job.name, job.created_by, job.targets) == ("requirements.txt", "keeper", [["3.12", "linux-x86_64"]])
    assert (OrmQ.objects.count(), job.is_pinning) == (1, False)
    browser.post(BEGIN, _form(mirror, pins="on"))
    assert PrefetchJob.objects.latest("pk").is_pinning
    PrefetchJob.objects.exclude(pk=job.pk).delete()
    PrefetchItem.objects.update(state="failed", reason="It is <b>not</b> there.")
    PrefetchJob.objects.update(failed=1, notes=["line 2: <i>left</i> out"])
    page = browser.get(f"{LIST}{job.pk}/change/").content.decode()
    assert "acme-tool: It is &lt;b&gt;not&lt;/b&gt; there." in page
    assert "line 2: &lt;i&gt;left&lt;/i&gt; out" in page
    assert '<progress max="1" value="1">' in page


@pytest.mark.parametrize(
    ("content", "values", "sentence"),
    [
        (b"==", {}, "is not a requirement such as"),
        (b"\xff", {}, "not text in UTF-8"),
        (b"acme", {"pythons": "2.7"}, "is not a version of Python"),
        (b"acme", {"platforms": ["amiga"]}, "Select a valid choice"),
        (b"", {}, "The submitted file is empty"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(
    content: bytes, values: dict[str, object], sentence: str, keeper: User, mirror: Index, sign_in: SignIn
) -> None:
    answer = sign_in(keeper).post(BEGIN, _form(mirror, content, **values))
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not PrefetchJob.objects.exists()


def test_nobody_elses_mirror_is_offered_or_taken(keeper: User, sign_in: SignIn) -> None:
    theirs = make_mirror("theirs", "https://upstream.example/simple/")
    browser = sign_in(keeper)
    assert "theirs" not in browser.get(BEGIN).content.decode()
    assert "Select a valid choice" in browser.post(BEGIN, _form(theirs)).content.decode()
    job = PrefetchJob.objects.create(index=theirs, name="uv.lock", kind="uv.lock")
    assert browser.get(f"{LIST}{job.pk}/change/").status_code == 302
    assert not browser.get(LIST).content.decode().count("uv.lock")


def test_headings_are_words(keeper: User, mirror: Index, sign_in: SignIn) -> None:
    browser = sign_in(keeper)
    job = PrefetchJob.objects.create(index=mirror, name="uv.lock", kind="uv.lock")
    page = browser.get(f"{LIST}{job.pk}/change/").content.decode()
    assert f"uv.lock into outside, {job.created_at:%Y-%m-%d %H:%M} UTC</span></h1>" in page
    MirrorPlan.objects.create(index=mirror)
    assert "copy of the upstream of outside</span></h1>" in browser.get(f"{PLANS}{mirror.pk}/change/").content.decode()


def test_an_operator_sees_and_begins_nothing(operator: Client, mirror: Index) -> None:
    PrefetchJob.objects.create(index=mirror, name="uv.lock", kind="uv.lock")
    page = operator.get(LIST).content.decode()
    assert "uv.lock" in page
    assert BEGIN not in page
    assert operator.get(BEGIN).status_code == 404


def test_one_is_cancelled(keeper: User, mirror: Index, sign_in: SignIn) -> None:
    job = PrefetchJob.objects.create(index=mirror, name="uv.lock", kind="uv.lock")
    browser = sign_in(keeper)
    do = f"{LIST}{job.pk}/do/cancel/"
    assert "Nothing more is fetched" in browser.get(do).content.decode()
    browser.post(do, {"confirmed": "1"})
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert browser.get(do).status_code == 404


PLAN = {"is_on": "on", "every_minutes": "60", "with_wheels": "on", "with_sdists": "on"}


def test_a_plan_is_made_and_changed(keeper: User, mirror: Index, sign_in: SignIn) -> None:
    browser = sign_in(keeper)
    answer = browser.post(
        f"{PLANS}add/", {**PLAN, "index": "outside", "include": "acme-*\nother", "byte_budget": "1 GiB"}
    )
    assert answer.status_code == 302, answer.content.decode()
    plan = MirrorPlan.objects.get()
    assert (plan.is_on, plan.include, plan.byte_budget, plan.platforms) == (True, ["acme-*", "other"], 2**30, [])
    address = f"{PLANS}{mirror.pk}/change/"
    page = browser.get(address).content.decode()
    assert "acme-*\nother" in page
    changed = {**PLAN, "include": "acme-*", "platforms": ["linux-x86_64"], "newest": "3", "byte_budget": "1 GiB"}
    assert browser.post(address, changed).status_code == 302
    plan.refresh_from_db()
    assert (plan.include, plan.platforms, plan.newest) == (["acme-*"], ["linux-x86_64"], 3)
    wrong = browser.post(address, {**PLAN, "include": "Not A Pattern"})
    assert "Give a list of patterns" in wrong.content.decode()


def test_what_a_plan_gave_up_is_shown_with_the_reason(keeper: User, mirror: Index, sign_in: SignIn) -> None:
    plan = MirrorPlan.objects.create(index=mirror)
    browser, address = sign_in(keeper), f"{PLANS}{mirror.pk}/change/"
    assert "Wrong" not in browser.get(address).content.decode()
    PlannedName.objects.bulk_create(
        PlannedName(
            plan=plan, normalized_name=f"b-{number}", attempts=copying.MOST_ATTEMPTS, reason="Wrong <b>bytes</b>."
        )
        for number in range(101)
    )
    PlannedName.objects.create(plan=plan, normalized_name="waits", attempts=1, reason="It was slow.")
    page = browser.get(address).content.decode()
    assert "b-99: Wrong &lt;b&gt;bytes&lt;/b&gt;." in page
    assert "b-100" not in page
    assert "and 1 more" in page
    assert "It was slow." not in page


def test_a_plan_for_somebody_elses_mirror_is_refused(keeper: User, sign_in: SignIn) -> None:
    make_mirror("theirs", "https://upstream.example/simple/")
    browser = sign_in(keeper)
    for name in ("theirs", "hosted"):
        answer = browser.post(f"{PLANS}add/", {**PLAN, "index": name})
        assert "There is no mirror named" in answer.content.decode()
    assert not MirrorPlan.objects.exists()


def test_names_of_ours_are_shown_by_the_right_of_who_looks(keeper: User, mirror: Index, sign_in: SignIn) -> None:
    secret = make_index("secret")
    make_project(secret, "acme-secret")
    group = make_group("all", secret, mirror)
    give(keeper, [Verb.ADMINISTER], group)
    job = PrefetchJob.objects.create(index=group, name="requirements.txt", kind="requirements.txt", state="done")
    PrefetchJob.objects.update(total=1, done=1)
    PrefetchItem.objects.create(job=job, project="acme-secret", state="ours", reason="The name is ours.")
    told = "There is no project &#x27;acme-secret&#x27;"
    for person, is_told in ((keeper, False), (make_user("boss", is_superuser=True), True)):
        browser = sign_in(person)
        page = browser.get(f"{LIST}{job.pk}/change/").content.decode()
        assert (told in page, "1 of 1, 1 failed" in page) == (not is_told, not is_told)
        page = browser.get(LIST).content.decode()
        assert ("1 of 1" in page, "1 of 1, 1 failed" in page) == (True, not is_told)
        assert ("1 of 1" in browser.get(LIST + "?state=done").content.decode()) == is_told
        assert ("1 of 1" in browser.get(LIST + "?state=failed").content.decode()) == (not is_told)
