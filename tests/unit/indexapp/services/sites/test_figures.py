"""Figures of mirror sites: how each is, what went there, and which of its answers were none or had other bytes."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from indexapp.models import File, Index, MirrorSite
from indexapp.services.sites import checking, choosing, notes, settings
from tests.builders.core_metadata import Built
from tests.factories.mirror_sites import make_site
from tests.factories.people import SYSTEM
from tests.servers.text_server import TextServer
from tests.wsgi_client import WsgiClient
from tpi_site.kit import gauges

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def figures() -> dict[str, float]:
    """Of sites, by the name without its beginning, and its labels."""
    notes.write()
    told = {}
    for family in text_string_to_metric_families(gauges.text().decode()):
        for sample in family.samples:
            if sample.name.startswith("tpi_mirror_site_"):
                labels = ",".join(sample.labels[name] for name in ("site", "state") if name in sample.labels)
                told[f"{sample.name.removeprefix('tpi_mirror_site_')} {labels}"] = sample.value
    return told


def path_of(file: File) -> str:
    return f"/{file.index.name}/files/{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"


def test_what_a_site_gave_and_failed_to_give_is_counted(
    healthy: MirrorSite, index: Index, machine: WsgiClient, file: File, built: Built
) -> None:
    settings.set_mode(actor=SYSTEM, index=index, mode="through")
    for _ in range(2):
        assert machine.get(path_of(file)).body == built.content
    told = figures()
    assert 0 <= told.pop("check_age_seconds far") < 3600
    assert told == {
        "state far,healthy": 1,
        "sent_requests far": 2,
        "sent_bytes far": 2 * len(built.content),
        "failed_answers far": 0,
        "wrong_answers far": 0,
        "share far": healthy.share,
    }
    with TextServer("out of order", "text/plain", status=500) as bad:
        MirrorSite.objects.update(base_url=bad.url.removesuffix("simple/"))
        choosing.forget_all()
        assert machine.get(path_of(file)).body == built.content
    told = figures()
    assert (told["failed_answers far"], told["wrong_answers far"]) == (1, 0)
    assert (told["state far,unreachable"], told["share far"], told["sent_requests far"]) == (1, 0, 3)
    assert "state far,healthy" not in told


def test_wrong_bytes_that_a_check_finds_are_counted_and_end_the_age(healthy: MirrorSite, built: Built) -> None:
    bent = bytes([built.content[0] ^ 1]) + built.content[1:]
    with TextServer(bent, "application/octet-stream") as bad:
        MirrorSite.objects.update(base_url=bad.url.removesuffix("simple/"))
        checking.run(now=True)
    told = figures()
    assert (told["state far,wrong"], told["wrong_answers far"], told["failed_answers far"]) == (1, 1, 0)
    assert "check_age_seconds far" not in told


def test_a_retired_site_is_told_of_no_more(healthy: MirrorSite) -> None:
    make_site("other")
    assert figures()["state other,probation"] == 1
    settings.retire(actor=SYSTEM, site=healthy)
    assert {name.split()[1].partition(",")[0] for name in figures()} == {"other"}


def test_without_sites_there_are_no_figures(db: Any) -> None:
    assert figures() == {}
