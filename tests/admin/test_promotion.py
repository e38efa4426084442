"""Taking over in the console and by REST: who may is said on the primary, and the loss is seen before it is accepted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from indexapp.models import Epoch, File, Following, Index, Replica, WantedBlob
from indexapp.services.replication import standing
from tests.admin.screens import do, messages
from tests.api.rest import Rest, refused
from tests.factories.browsers import grow_stale
from tests.factories.cast import Cast
from tests.factories.publishing import published
from tests.factories.replication import PRIMARY, make_following, make_replica
from tests.wsgi_client import WsgiClient
from tpi_site.kit import read_only

pytestmark = pytest.mark.django_db
LIST = "/admin/indexapp/replica/"
PROMOTE = f"{LIST}promote/"
REST = "replication/following/promote/"
HERE = "https://far.example/"


@pytest.fixture
def lost(main: Index) -> File:
    """A file that the replica has on a page, and no bytes of."""
    file = published(main)
    File.objects.filter(pk=file.pk).update(blob=None)
    WantedBlob.objects.create(sha256=file.sha256, size=file.size, files=[file.pk], next_at=timezone.now())
    return file


@pytest.fixture
def heir() -> Iterator[Following]:
    """This site as a replica that may take over."""
    yield _as_replica(may_take_over=True, own_url=HERE)
    read_only.remember(None, float("inf"))


def _as_replica(**values: object) -> Following:
    row = make_following(**values)
    read_only.remember(None, float("inf"), of=standing.primary())
    return row


def page(browser: Client, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_replica_is_appointed_and_dismissed(root: Client) -> None:
    row = make_replica("far")
    wrong = root.post(f"{LIST}{row.pk}/do/appoint/", {"confirmed": "yes", "url": "javascript:alert(1)"})
    assert "url" in wrong.context["form"].errors
    assert messages(do(root, row, "appoint", url=HERE)) == ["Replica 'far' was allowed to take over."]
    row.refresh_from_db()
    assert (row.may_take_over, row.url) == (True, HERE)
    assert f"yes, at {HERE}" in page(root, f"{LIST}{row.pk}/change/")
    do(root, row, "dismiss")
    row.refresh_from_db()
    assert not row.may_take_over
    assert set(AuditEntry.objects.filter(object_name="far").values_list("action", flat=True)) >= {
        "replica.appoint",
        "replica.dismiss",
    }


def test_who_may_not_take_over_is_told_why(root: Client) -> None:
    _as_replica()
    text = page(root, PROMOTE)
    assert "did not say that this replica may take over" in text
    assert 'name="confirmed"' not in text
    answer = root.post(PROMOTE, {"confirmed": "yes", "primary_is_down": "on"})
    assert "did not say that this replica may take over" in answer.content.decode()
    read_only.remember(None, float("inf"))
    assert Following.objects.exists()


def test_what_would_be_lost_is_listed_and_must_be_accepted(root: Client, lost: File, heir: Following) -> None:
    text = page(root, PROMOTE)
    assert "1 thing would be lost" in text
    assert lost.filename in text
    assert "main/acme-tool" in text
    assert 'name="accept_missing"' in text
    refused_ = root.post(PROMOTE, {"confirmed": "yes", "primary_is_down": "on"})
    assert "accept_missing" in refused_.context["form"].errors
    assert Following.objects.get().primary_url == heir.primary_url
    given = {"confirmed": "yes", "primary_is_down": "on", "accept_missing": "on"}
    [told] = messages(root.post(PROMOTE, given, follow=True))
    assert told.startswith("This installation is the primary now, in epoch 2")
    assert f"What {PRIMARY} took after the last contact is not here." in told
    assert not Following.objects.exists()
    assert Epoch.objects.order_by("-number")[0].reason == "promoted"


def test_nothing_is_to_be_accepted_where_nothing_is_missing(root: Client, heir: Following) -> None:
    text = page(root, PROMOTE)
    assert "Nothing is missing" in text
    assert 'name="accept_missing"' not in text
    assert heir.primary_url in text


def test_a_session_left_open_promotes_nothing(root: Client, heir: Following) -> None:
    grow_stale()
    answer = root.post(PROMOTE, {"confirmed": "yes", "primary_is_down": "on"})
    assert answer.headers["Location"].startswith("/account/confirm/?next=")
    assert Following.objects.get().primary_url == heir.primary_url


def test_programs_appoint_see_the_loss_and_promote(machine: WsgiClient, cast: Cast, lost: File) -> None:
    root = Rest(machine.signed(cast.bearer("administrator")))
    operator = Rest(machine.signed(cast.bearer("operator")))
    make_replica("further")
    appointed = root.post("replication/replicas/further/appoint/", {"url": HERE})
    assert (appointed.json["may_take_over"], appointed.json["url"]) == (True, HERE)
    refused(root.post("replication/replicas/further/appoint/", {"url": "far"}), 400, "address-invalid")
    assert root.post("replication/replicas/further/dismiss/", {}).json["may_take_over"] is False
    refused(root.get(REST), 409, "replica-not")
    _as_replica(may_take_over=True, own_url=HERE)
    for answer in (operator.get(REST), operator.post(REST, {})):
        refused(answer, 403, "administrator-needed")
    loss = root.get(REST).json
    assert (loss["missing"], [file["filename"] for file in loss["files"]]) == (1, [lost.filename])
    refused(root.post(REST, {"primary_is_down": True}), 409, "blobs-missing")
    made = root.post(REST, {"primary_is_down": True, "accept_missing": True})
    read_only.remember(None, float("inf"))
    assert (made.status, made.json["epoch"]["number"], made.json["missing"]) == (200, 2, 1)
    assert (made.json["old_url"], made.json["was_handed_over"], made.json["is_fenced"]) == (PRIMARY, False, False)
    assert Replica.objects.get().name == "further"
    assert not Following.objects.exists()
