"""Mirror sites as they are registered and changed."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import AuditEntry
from indexapp.models import FileProof, Index, MirrorSite
from indexapp.services.sites import secrets, settings
from tests.factories.mirror_sites import KEY, in_use, make_site
from tests.factories.people import SYSTEM
from tests.factories.publishing import make_index
from tpi_site.kit.errors import Refusal
from tpi_site.services.support.secret_values import secret_values

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def index(db: None) -> Index:
    return make_index("open", anonymous_read=True)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"base_url": "ftp://m.example/"}, "site-address"),
        ({"base_url": "https://user:secret@m.example/"}, "site-address"),
        ({"base_url": "https://m.example/?x=1"}, "site-address"),
        ({"base_url": "https://m.example/?"}, "site-address"),
        ({"base_url": "https://m.example/#"}, "site-address"),
        ({"base_url": "https://@m.example/"}, "site-address"),
        ({"base_url": "https://[fe80::1%25eth0]/"}, "site-address"),
        ({"base_url": "https://[fe80::1%eth0]/"}, "site-address"),
        ({"base_url": "https://{index}.m.example/"}, "site-address"),
        ({"base_url": "https://m.example/a b"}, "site-address"),
        ({"base_url": ""}, "site-address"),
        ({"ca_certificates": "nothing"}, "site-address"),
        ({"networks": ["10.0.0.0/33"]}, "site-networks"),
        ({"networks": "10.0.0.0/8"}, "site-networks"),
        ({"region": "eu_de"}, "site-region"),
        ({"weight": 0.0}, "site-weight"),
        ({"weight": float("nan")}, "site-weight"),
        ({"capacity": 0}, "site-capacity"),
        ({"lag_hours": -1}, "site-lag"),
        ({"sending": "push"}, "site-words"),
        ({"takes_private": True}, "site-private-unsigned"),
        ({"signing": "tpi"}, "site-key-missing"),
        ({"signing": "tpi", "signing_key": "short"}, "site-key-invalid"),
        ({"indexes": ["nosuch"]}, "index-unknown"),
        ({"indexes": ["open", "more"]}, "site-address"),
        ({"colour": "red"}, "field-fixed"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(index: Index, values: dict[str, Any], code: str) -> None:
    make_index("more")
    with pytest.raises(Refusal) as refused:
        settings.register(actor=SYSTEM, name="far", **{"base_url": "https://m.example/", **values})
    assert refused.value.code == code
    assert not MirrorSite.objects.exists()
    assert not AuditEntry.objects.filter(action__startswith="mirror-site").exists()


@pytest.mark.parametrize("name", ["", "Far", "a b", "x" * 65])
def test_a_name_is_a_word(db: None, name: str) -> None:
    with pytest.raises(Refusal) as refused:
        make_site(name)
    assert refused.value.code == "name-invalid"


def test_a_name_is_taken_once(db: None) -> None:
    make_site("far")
    with pytest.raises(Refusal) as refused:
        make_site("far")
    assert refused.value.code == "name-taken"


def test_a_key_is_sealed_never_told_and_for_one_address(index: Index) -> None:
    site = make_site(indexes=[index], signing="tpi", signing_key=KEY)
    assert secrets.address_of(site).key == KEY
    assert KEY not in str(site.__dict__) + str(settings.described(site)) + repr(secrets.address_of(site))
    assert KEY not in str(list(AuditEntry.objects.values_list("detail", flat=True)))
    assert KEY in secret_values(), "so that no support bundle has it"
    with pytest.raises(Refusal) as refused:
        settings.change(actor=SYSTEM, site=site, base_url="https://elsewhere.example/")
    assert refused.value.code == "site-key-missing"
    changed = settings.change(actor=SYSTEM, site=site, base_url="https://elsewhere.example/", signing_key=KEY)
    assert secrets.address_of(changed).key == KEY
    assert settings.change(actor=SYSTEM, site=site, signing="none").signing_key == ""


def test_who_is_asked_otherwise_is_on_probation_again_and_who_is_out_stays_out(index: Index) -> None:
    site = in_use(make_site(indexes=[index]))
    FileProof.objects.create(site=site, sha256="0" * 64, index=index, path="x", proved_at=site.created_at)
    assert settings.change(actor=SYSTEM, site=site, weight=2.0).state == MirrorSite.State.HEALTHY
    assert FileProof.objects.exists()
    assert settings.change(actor=SYSTEM, site=site, base_url="https://e.example/").state == MirrorSite.State.PROBATION
    assert not FileProof.objects.exists()
    settings.take_out(actor=SYSTEM, site=site, reason="upgrade")
    assert settings.change(actor=SYSTEM, site=site, base_url="https://f.example/").state == MirrorSite.State.OUT
    assert settings.put_back(actor=SYSTEM, site=site).state == MirrorSite.State.PROBATION
    with pytest.raises(Refusal):
        settings.put_back(actor=SYSTEM, site=site)


def test_networks_and_indexes_are_kept_as_they_are_meant(index: Index) -> None:
    more = make_index("more")
    site = make_site(url="https://m.example/{index}/", indexes=[index, more], networks=["10.1.2.3/8", "10.0.0.0/8"])
    assert site.networks == ["10.0.0.0/8"]
    assert settings.index_names(site) == ["more", "open"]
    settings.change(actor=SYSTEM, site=site, indexes=["more"])
    assert settings.index_names(site) == ["more"]
    settings.retire(actor=SYSTEM, site=site)
    assert not MirrorSite.objects.exists()


def test_an_index_has_it_off_until_somebody_says_otherwise(index: Index) -> None:
    assert settings.mode_of(index) == "off"
    settings.set_mode(actor=SYSTEM, index=index, mode="redirect")
    assert settings.mode_of(index) == "redirect"
    with pytest.raises(Refusal):
        settings.set_mode(actor=SYSTEM, index=index, mode="page")
