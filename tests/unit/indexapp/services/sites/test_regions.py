"""A reader is given a site of its region before others, whatever their weights, and the choice asks the database nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from indexapp.domain.file_paths import file_path
from indexapp.models import File, FileProof, Index, MirrorSite, PieceDigests
from indexapp.services.serving import files, index_map, watermarks
from indexapp.services.sites import choosing, settings
from indexapp.services.sites.choosing import Reader
from tests.factories.mirror_sites import in_use, make_site
from tests.factories.people import SYSTEM
from tpi_site import checks

pytestmark = [pytest.mark.django_db, pytest.mark.database]
REGIONS = {"berlin": "eu-de", "paris": "eu-fr", "dallas": "us"}


@pytest.fixture
def sites(index: Index, file: File) -> dict[str, MirrorSite]:
    """One in each region, all with the file; that which is farthest has most of the weight."""
    made = {}
    for name, region in REGIONS.items():
        site = make_site(
            name, f"http://{name}.example/", indexes=[index], region=region, weight=1 + 999 * (name == "dallas")
        )
        made[name] = in_use(site)
        path = file_path(file.sha256, file.filename)
        FileProof.objects.create(site=site, sha256=file.sha256, index=index, path=path, proved_at=timezone.now())
    MirrorSite.objects.update(share=1.0)
    PieceDigests.objects.create(sha256=file.sha256, digests=b"0" * 96)
    settings.set_mode(actor=SYSTEM, index=index, mode="through")
    return made


def chosen(file: File, address: str) -> str:
    watermark = watermarks.read()
    index = index_map.read(watermark).by_pk[file.index_id]
    path = file_path(file.sha256, file.filename)
    served = files.find(index, path, watermark)
    assert served is not None
    found = choosing.choose(Reader(index, served, path, address, "https://here.example"), watermark)
    return found.site.name if found is not None else ""


def test_the_readers_region_comes_before_weights(sites: dict[str, MirrorSite], file: File, settings: Any) -> None:
    settings.TPI_CLIENT_REGIONS = ["10.1.0.0/16=eu-de", "10.2.0.0/16=eu-fr", "10.3.0.0/16=us", "2001:db8::/32=eu-de"]
    readers = {"10.1.0.1": "berlin", "10.2.0.1": "paris", "10.3.0.1": "dallas", "2001:db8::1": "berlin"}
    assert {address: chosen(file, address) for address in readers} == readers
    MirrorSite.objects.filter(name="berlin").update(state="unreachable")
    choosing.forget_all()
    assert chosen(file, "10.1.0.1") == "paris", "the rest of the region comes before the rest of the world"
    assert chosen(file, "10.9.0.1") == "dallas", "of no region: weights decide"
    settings.TPI_CLIENT_REGIONS = []
    assert chosen(file, "10.2.0.1") == "dallas"


def test_a_network_of_a_site_comes_before_regions(
    sites: dict[str, MirrorSite], file: File, index: Index, settings: Any
) -> None:
    settings.TPI_CLIENT_REGIONS = ["10.1.0.0/16=eu-de"]
    MirrorSite.objects.filter(name="dallas").update(networks=["10.1.5.0/24"])
    choosing.forget_all()
    assert (chosen(file, "10.1.5.1"), chosen(file, "10.1.6.1")) == ("dallas", "berlin")


def test_the_choice_costs_no_query_more(sites: dict[str, MirrorSite], file: File, settings: Any) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            chosen(file, "10.1.0.1")
        return len(queries)

    chosen(file, "10.1.0.1")
    without = count()
    settings.TPI_CLIENT_REGIONS = [f"10.{one}.{two}.0/24=eu-de" for one in range(20) for two in range(256)]
    assert count() == without


@pytest.mark.parametrize(("words", "is_wrong"), [(["10.1.0.0/16=eu"], False), (["10.1.0.0/16"], True), ([], False)])
def test_a_setting_that_cannot_be_used_stops_the_start(settings: Any, words: list[str], is_wrong: bool) -> None:
    settings.TPI_CLIENT_REGIONS = words
    assert ("tpi.E017" in [message.id for message in checks.addresses(None)]) == is_wrong
