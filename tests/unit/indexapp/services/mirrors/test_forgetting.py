"""Names that an upstream does not have, which are not kept for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from indexapp.models import Index, MirroredProject
from indexapp.services.mirrors import forgetting
from tests.factories.publishing import make_project

pytestmark = pytest.mark.database


def test_what_is_not_there_is_forgotten_after_a_day(mirror: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "_BATCH", 2)
    now = timezone.now()
    old, young, soon = now - timedelta(days=1, hours=1), now - timedelta(hours=23), now + timedelta(seconds=30)

    def known(name: str, **values: object) -> None:
        MirroredProject.objects.create(index=mirror, normalized_name=name, **values)

    for number in range(5):
        known(f"acme-old-{number}", fresh_until=old)
    known("acme-failed", failed_at=old, failure="no answer")
    known("acme-abandoned", fresh_until=old, asked_until=old)
    known("acme-asked-of-another", checked_at=old)
    known("acme-new")
    known("acme-held", fresh_until=old, is_held=True)
    known("acme-young", fresh_until=young)
    known("acme-asked-now", fresh_until=old, asked_until=soon)
    known("acme-first-asked", asked_until=soon)
    known("acme-tool", fresh_until=old, project=make_project(mirror, "acme-tool"))
    assert forgetting.run() == 8
    left = set(MirroredProject.objects.values_list("normalized_name", flat=True))
    assert left == {"acme-new", "acme-held", "acme-young", "acme-asked-now", "acme-first-asked", "acme-tool"}
    assert forgetting.run() == 0
