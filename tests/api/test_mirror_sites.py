"""Mirror sites for people and automation."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from indexapp.models import Index, MirrorSite
from tests.api.conftest import AsPerson
from tests.api.rest import Rest, refused
from tests.factories.mirror_sites import KEY, make_site
from tests.factories.publishing import make_index

pytestmark = pytest.mark.django_db
SITES = "mirror-sites/"


@pytest.fixture
def root(rest: AsPerson) -> Rest:
    return rest("administrator")


@pytest.fixture
def operator(rest: AsPerson) -> Rest:
    return rest("operator")


def test_the_smallest_body_registers_one_on_probation(root: Rest) -> None:
    answer = root.post(SITES, {"name": "far", "base_url": "https://m.example/"})
    assert answer.status == 201
    assert answer.headers["Location"].endswith("/api/v1/mirror-sites/far/")
    told = answer.json
    assert (told["state"], told["sending"], told["takes_private"], told["indexes"]) == (
        "probation",
        "through",
        False,
        [],
    )
    assert root.get(f"{SITES}far/").json == told
    assert AuditEntry.objects.filter(action="mirror-site.register", actor_name="administrator").count() == 1


def test_a_key_is_taken_and_never_given(root: Rest, main: Index) -> None:
    body = {
        "name": "far",
        "base_url": "https://m.example/",
        "signing": "tpi",
        "signing_key": KEY,
        "takes_private": True,
    }
    answer = root.post(SITES, {**body, "indexes": ["main"], "networks": ["10.1.2.3/8"], "capacity": 1_000_000})
    assert (answer.status, answer.json["has_signing_key"], answer.json["networks"]) == (201, True, ["10.0.0.0/8"])
    for reply in (answer, root.get(SITES), root.get(f"{SITES}far/")):
        assert KEY not in reply.body.decode()
    refused(root.patch(f"{SITES}far/", {"base_url": "https://elsewhere.example/"}), 400, "site-key-missing")


def test_what_is_wrong_is_said_and_changes_nothing(root: Rest) -> None:
    make_site("far")
    refused(root.post(SITES, {"name": "far", "base_url": "https://m.example/"}), 409, "name-taken")
    refused(root.post(SITES, {"name": "new", "base_url": "ftp://m.example/"}), 400, "site-address")
    refused(
        root.post(SITES, {"name": "new", "base_url": "https://m.example/", "indexes": ["nosuch"]}), 400, "index-unknown"
    )
    refused(root.post(SITES, {"name": "new", "base_url": "https://m.example/", "state": "healthy"}), 400)
    refused(root.patch(f"{SITES}far/", {"weight": 0}), 400, "site-weight")
    refused(root.get(f"{SITES}nosuch/"), 404, "site-unknown")
    assert root.names(SITES) == ["far"]


def test_operators_take_out_and_put_back_and_register_nobody(operator: Rest) -> None:
    make_site("far")
    out = operator.post(f"{SITES}far/take-out/", {"reason": "An upgrade there."})
    assert (out.status, out.json["state"], out.json["reason"]) == (200, "out", "An upgrade there.")
    refused(operator.post(f"{SITES}far/take-out/", {}), 409, "site-out")
    assert operator.post(f"{SITES}far/put-back/", {}).json["state"] == "probation"
    refused(operator.post(SITES, {"name": "new", "base_url": "https://m.example/"}), 403, "administrator-needed")
    refused(operator.delete(f"{SITES}far/"), 403, "administrator-needed")
    assert MirrorSite.objects.get().name == "far"


def test_it_is_changed_and_retired(root: Rest) -> None:
    make_site("far")
    assert root.patch(f"{SITES}far/", {"weight": 2.5, "region": "eu-de"}).json["weight"] == 2.5
    assert root.delete(f"{SITES}far/").status == 204
    assert root.names(SITES) == []


def test_an_index_says_what_it_does_with_them(root: Rest, main: Index) -> None:
    assert root.get("indexes/main/sending/").json == {"mode": "off"}
    assert root.patch("indexes/main/sending/", {"mode": "redirect"}).json == {"mode": "redirect"}
    assert root.get("indexes/main/sending/").json == {"mode": "redirect"}
    refused(root.patch("indexes/main/sending/", {"mode": "page"}), 400)
    refused(root.get("indexes/nosuch/sending/"), 404, "index-unknown")


def test_the_list_is_filtered_and_costs_the_same_for_one_and_for_many(root: Rest, main: Index) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert root.get(SITES).status == 200
        return len(queries)

    make_site("s0", indexes=[main])
    root.get(SITES)
    once = cost()
    for number in range(1, 20):
        make_site(f"s{number}", indexes=[make_index()])
    assert cost() == once
    MirrorSite.objects.filter(name="s3").update(state="stale")
    assert root.names(f"{SITES}?state=stale") == ["s3"]
