"""Replication in the console: how it stands on both sides, inviting, revoking, and what a replica does about itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.services import audit
from indexapp.models import Epoch, Following, Index, Replica, WantedBlob
from indexapp.services.replication import epochs, standing
from tests.admin.screens import do, messages
from tests.factories.browsers import grow_stale
from tests.factories.people import SYSTEM
from tests.factories.publishing import published
from tests.factories.replication import PRIMARY, make_following, make_replica
from tests.wsgi_client import WsgiClient, bearer
from tpi_site.kit import read_only

pytestmark = pytest.mark.django_db
LIST = "/admin/indexapp/replica/"
ACTS = ("join", "pause", "resume", "leave")


@pytest.fixture
def as_replica() -> Iterator[Following]:
    """This site as one that takes no changes, and is eleven serials behind."""
    now = timezone.now()
    row = make_following(cursor=89, primary_serial=100, contact_at=now - timedelta(seconds=42))
    read_only.remember(None, float("inf"), of=standing.primary())
    yield row
    read_only.remember(None, float("inf"))


def page(browser: Client, path: str = LIST) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def offered(browser: Client) -> set[str]:
    text = page(browser)
    return {act for act in ACTS if f'href="{LIST}{act}/"' in text}


def want(number: int, **values: Any) -> WantedBlob:
    given = {"sha256": f"{number:064x}", "size": 1000 * number, "next_at": timezone.now()} | values
    made: WantedBlob = WantedBlob.objects.create(**given)
    return made


def test_a_secret_is_shown_once_and_lets_a_site_in(root: Client, machine: WsgiClient) -> None:
    answer = root.post(f"{LIST}add/", {"name": "munich"})
    text = answer.content.decode()
    secret = text.partition('data-copy="the secret"')[2].partition("<code>")[2].partition("</code>")[0]
    assert answer.headers["Cache-Control"]
    assert "no-store" in answer.headers["Cache-Control"]
    assert "manage.py replication join http://testserver/ FILE" in text
    hello = machine.signed(bearer(secret) | {"X-TPI-Site": "5e4f7a6e-8d2b-4c5e-9a0e-0f6f3f1c2d3b"})
    assert hello.get("/api/v1/replication/hello/").status == 200
    row = Replica.objects.get()
    for path in (LIST, f"{LIST}{row.pk}/change/"):
        text = page(root, path)
        assert "munich" in text
        assert secret not in text
        assert row.digest not in text
    assert AuditEntry.objects.filter(action="replica.invite", object_name="munich").count() == 1


def test_a_name_that_cannot_be_taken_is_said_at_its_field(root: Client) -> None:
    make_replica("munich")
    for name, sentence in (("munich", "already"), ("Not a name", "lower-case"), ("", "required")):
        answer = root.post(f"{LIST}add/", {"name": name})
        assert answer.status_code == 200
        assert sentence in str(answer.context["adminform"].form.errors["name"]).lower()
    assert Replica.objects.count() == 1


def test_revoking_asks_first_and_for_a_fresh_sign_in(root: Client) -> None:
    row = make_replica("munich")
    assert messages(do(root, row, "revoke")) == ["Replica 'munich' was revoked."]
    assert not Replica.objects.exists()
    row = make_replica("oslo")
    grow_stale()
    for path in (f"{LIST}{row.pk}/do/revoke/", f"{LIST}add/", *(f"{LIST}{act}/" for act in ACTS)):
        answer = root.post(path, {"confirmed": "yes", "name": "rome"})
        assert answer.headers["Location"].startswith("/account/confirm/?next="), path
    assert [replica.name for replica in Replica.objects.all()] == ["oslo"]


def test_the_list_tells_both_lags_and_the_state_in_words(root: Client, main: Index) -> None:
    published(main)
    now, newest = timezone.now(), epochs.newest_serial()
    make_replica("invited")
    make_replica("abreast", seen_at=now - timedelta(seconds=5), serial=newest)
    make_replica("behind", seen_at=now, serial=newest - 1, missing_blobs=3, missing_bytes=3 * 2**20)
    make_replica("gone", seen_at=now - timedelta(days=3), serial=newest)
    text = page(root)
    assert '<span class="badge">invited</span>' in text
    assert '<span class="badge badge-good">in step</span>' in text
    assert '<span class="badge badge-accent">catching up</span>' in text
    assert '<span class="badge badge-bad">out of contact</span>' in text
    assert "1 behind, first from 0 s ago" in text
    assert "3 missing (3.0 MiB)" in text
    assert "3 days ago" in text
    assert ">primary</span>" in text
    row = page(root, f"{LIST}{Replica.objects.get(name='behind').pk}/change/")
    assert "3 missing (3.0 MiB)" in row


def test_a_replica_tells_of_whom_and_how_far(root: Client, as_replica: Following) -> None:
    text = page(root)
    assert f'href="{PRIMARY}"' in text
    assert "11 changes behind" in text
    assert "serial 89 of 100" in text
    assert 'value="89" max="100"' in text
    assert "all files are here" in text.lower()
    assert "42 s ago" in text or "43 s ago" in text
    assert ">catching up</span>" in text
    assert '<dt>Left out by filters</dt><dd class="numeric">nothing</dd>' in text
    assert "<dt>Last verified</dt><dd>never</dd>" in text
    audit.record(actor=SYSTEM, action="replication.verify", object_name=PRIMARY, verdict="equal")
    assert " UTC, equal</dd>" in page(root)
    Following.objects.update(
        failing_since=timezone.now(), failure_code="site-changed", failure="Another installation answers there."
    )
    text = page(root)
    assert ">failing</span>" in text
    assert "Another installation answers there." in text
    assert "Set the address right" in text


def test_what_is_missing_is_listed_by_name_for_who_reads_everything(
    root: Client, operator: Client, main: Index, as_replica: Following
) -> None:
    Following.objects.all().delete()
    read_only.remember(None, float("inf"))
    file = published(main)
    make_following()
    want(5, files=[file.pk])
    want(9, attempts=4, failure="The primary breaks off again and again.")
    text = page(root)
    assert "2 contents (13.7 KiB) missing" in text
    assert file.filename in text
    assert "The primary breaks off again and again." in text
    assert "4 times" in text
    theirs = page(operator)
    assert file.filename not in theirs, "operators do not see what projects there are"
    assert f"{5:064x}"[:16] in theirs


def test_offered_is_what_fits(root: Client, operator: Client) -> None:
    assert offered(root) == {"join"}
    assert offered(operator) == set()
    other = make_replica("munich")
    assert offered(root) == set(), "whom others follow joins nobody"
    other.delete()
    make_following()
    assert offered(root) == {"pause", "leave"}
    assert offered(operator) == {"pause"}
    Following.objects.update(is_paused=True)
    assert offered(operator) == {"resume"}
    assert "This installation is a replica of" in page(root, f"{LIST}join/")
    Following.objects.all().delete()
    assert "there is nothing to be done" in page(root, f"{LIST}leave/")


def test_a_replica_is_paused_and_resumed_where_nothing_else_is_changed(operator: Client, as_replica: Following) -> None:
    assert operator.post(f"{LIST}pause/").status_code == 200, "it asks first"
    assert not Following.objects.get().is_paused
    answer = operator.post(f"{LIST}pause/", {"confirmed": "yes"}, follow=True)
    assert "Nothing is taken from the primary until somebody resumes." in messages(answer)
    assert Following.objects.get().is_paused
    assert ">paused</span>" in page(operator)
    operator.post(f"{LIST}resume/", {"confirmed": "yes"})
    assert not Following.objects.get().is_paused
    assert operator.post(f"{LIST}leave/", {"confirmed": "yes"}).status_code == 404
    assert Following.objects.exists()


def test_who_leaves_gives_up_what_is_missing_on_purpose(root: Client, as_replica: Following) -> None:
    want(5)
    text = page(root, f"{LIST}leave/")
    assert "1 contents of 4.9 KiB are not here" in text
    assert 'type="checkbox" name="accept_missing"' in text
    refused = root.post(f"{LIST}leave/", {"confirmed": "yes"})
    assert "accept_missing" in refused.context["form"].errors
    assert Following.objects.exists()
    left = root.post(f"{LIST}leave/", {"confirmed": "yes", "accept_missing": "on"}, follow=True)
    assert messages(left) == ["This installation follows nobody any more."]
    assert not Following.objects.exists()
    assert list(Epoch.objects.order_by("-number").values_list("reason", flat=True)[:1]) == ["promoted"]


def test_what_does_not_fit_is_said_where_one_asks(root: Client, main: Index) -> None:
    published(main)
    given = {"confirmed": "yes", "primary_url": PRIMARY, "secret": "tpi_nothing"}
    answer = root.post(f"{LIST}join/", given)
    assert "a replica begins empty" in answer.content.decode()
    assert "tpi_nothing" not in answer.content.decode()
    answer = root.post(f"{LIST}join/", {"confirmed": "yes", "primary_url": "javascript:alert(1)"})
    assert set(answer.context["form"].errors) == {"primary_url", "secret"}
    assert not Following.objects.exists()


def test_every_page_of_a_replica_leads_to_its_primary(root: Client, client: Client, as_replica: Following) -> None:
    for browser, path in ((root, "/admin/"), (root, LIST), (client, "/account/sign-in/")):
        text = page(browser, path)
        assert "<strong>A replica.</strong>" in text
        assert f'href="{PRIMARY}"' in text
        assert "Read-only mode" not in text.replace(">Read-only mode</a>", "")
    read_only.remember("A move.", float("inf"), of=PRIMARY)
    text = page(root, "/admin/")
    assert "Read-only mode: nothing can be changed at the moment. A move." in text
    assert "<strong>A replica.</strong>" not in text


def test_the_overview_has_a_card_where_there_is_replication(root: Client) -> None:
    def cards() -> dict[str, Any]:
        return {card.title: card for card in root.get("/admin/").context["cards"]}

    assert "Replication" not in cards()
    make_replica("munich", seen_at=timezone.now() - timedelta(hours=5))
    [line] = cards()["Replication"].lines
    assert (line.text, line.mark, line.tone) == ("munich", "out of contact", "bad")
    make_following(cursor=3, primary_serial=5)
    card = cards()["Replication"]
    assert [line.text for line in card.lines] == [f"Replica of {PRIMARY}", "munich"]
    assert {figure.label: figure.value for figure in card.figures} == {"Changes behind": "2", "Contents missing": "0"}


def test_a_replica_tells_whether_it_may_take_over_and_that_nothing_follows(root: Client, as_replica: Following) -> None:
    text = page(root)
    assert "Nothing comes from the primary." not in text  # it became a replica this moment
    assert "did not say that this replica may take over" in text
    Following.objects.update(
        may_take_over=True, own_url="https://far.corp.example/", joined_at=timezone.now() - timedelta(days=1)
    )
    text = page(root)
    assert "yes, at https://far.corp.example/" in text
    assert "Nothing comes from the primary." in text
    assert "No process follows the primary" in text
