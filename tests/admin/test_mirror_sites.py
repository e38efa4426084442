"""The rooms of mirror sites in the console."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from indexapp.models import IndexSending, MirrorSite
from indexapp.services.sites import secrets, settings
from tests.admin.conftest import SignIn
from tests.admin.screens import address
from tests.factories.mirror_sites import KEY, make_site
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index

pytestmark = pytest.mark.django_db
_VALUES = {
    "base_url": "https://m.example/",
    "indexes": "main",
    "lag_hours": "24",
    "ca_certificates": "",
    "region": "eu-de",
    "networks": "10.0.0.0/8\n192.168.1.0/24",
    "weight": "2",
    "capacity": "100 MB",
    "sending": "through",
    "signing": "tpi",
    "new_signing_key": KEY,
}


@pytest.fixture
def root(administrator: User, sign_in: SignIn) -> Client:
    return sign_in(administrator)


def test_a_site_is_registered_changed_taken_out_put_back_and_retired(root: Client) -> None:
    make_index("main")
    assert root.get(address(MirrorSite, "add")).status_code == 200
    assert root.post(address(MirrorSite, "add"), {"name": "far", **_VALUES}).status_code == 302
    site = MirrorSite.objects.get()
    assert (site.networks, site.capacity) == (["10.0.0.0/8", "192.168.1.0/24"], 100_000_000)
    assert (settings.index_names(site), secrets.address_of(site).key) == (["main"], KEY)
    page = root.get(address(site)).content.decode()
    assert KEY not in page
    assert "On probation" in page
    assert root.post(address(site), {**_VALUES, "weight": "3", "new_signing_key": ""}).status_code == 302
    site.refresh_from_db()
    assert (site.weight, secrets.address_of(site).key) == (3.0, KEY)
    settings.take_out(actor=SYSTEM, site=site, reason="Upgrade <there>.")
    page = root.get(address(site)).content.decode()
    assert "Upgrade &lt;there&gt;." in page
    assert "Put back" in page
    actions = list(AuditEntry.objects.filter(action__startswith="mirror-site").values_list("action", flat=True))
    assert sorted(actions) == ["mirror-site.change", "mirror-site.register", "mirror-site.take-out"]


def test_what_is_wrong_stays_in_the_form(root: Client) -> None:
    make_index("main")
    page = root.post(address(MirrorSite, "add"), {"name": "far", **_VALUES, "networks": "10.0.0.0/99"})
    assert page.status_code == 200
    assert "A network is written as" in page.content.decode()
    assert not MirrorSite.objects.exists()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"base_url": "https://m.example/?"}, "base_url"),
        ({"networks": "10.0.0.0/99"}, "networks"),
        ({"region": "eu_de"}, "region"),
        ({"weight": "0"}, "weight"),
        ({"new_signing_key": "short"}, "new_signing_key"),
        ({"indexes": "nosuch"}, "indexes"),
        ({"name": "Far"}, "name"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(root: Client, given: dict[str, str], field: str) -> None:
    make_index("main")
    page = root.post(address(MirrorSite, "add"), {"name": "far", **_VALUES, **given})
    assert list(page.context["adminform"].form.errors) == [field]


def test_fields_have_names_that_people_know(root: Client) -> None:
    page = root.get(address(MirrorSite, "add")).content.decode()
    assert "Base url" not in page
    for label in ("Address", "Authorities", "Signed addresses", "Hours behind at most"):
        assert label in page


def test_an_index_is_let_use_them(root: Client) -> None:
    make_index("main")
    assert root.post(address(IndexSending, "add"), {"index": "main", "mode": "through"}).status_code == 302
    row = IndexSending.objects.get()
    assert row.mode == "through"
    assert root.post(address(row), {"mode": "redirect"}).status_code == 302
    assert settings.mode_of(row.index) == "redirect"


def test_the_list_shows_how_each_does(root: Client) -> None:
    MirrorSite.objects.filter(pk=make_site("far").pk).update(state="wrong", reason="It gave <other> bytes.")
    page = root.get(address(MirrorSite, "changelist")).content.decode()
    assert "Served wrong bytes" in page
    assert "It gave &lt;other&gt; bytes." in page
    assert "Base url" not in page
