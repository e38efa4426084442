from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.services.keys import sealed_columns, status
from indexapp.domain.segments import SEGMENT
from indexapp.models import Blob
from tests import evidence
from tests.factories.cast import Cast
from tests.factories.factors import with_factor
from tests.factories.publishing import make_index, published
from tpi_site.kit import key_ring

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def ring(settings: Any, tmp_path: Path) -> Path:
    path = tmp_path / "keyring.json"
    settings.TPI_KEYRING = f"file:{path}"
    return path


def test_it_tells_what_each_key_wraps_and_what_lies_plain(cast: Cast) -> None:
    auditor = cast.actor("auditor")
    assert status.status(actor=auditor).coverage == 100
    published(make_index("sealed"))
    with_factor(cast.reader)
    blobs = Blob.objects.count()
    Blob.objects.create(sha256="0" * 64, size=1, object_name="plain")
    old = key_ring.key_ring().current
    before = status.status(actor=auditor)
    assert before.last_rotation_at is None
    assert before.plain == {"blobs": 1}
    assert before.coverage == round(100 * blobs / (blobs + 1), 2)
    call_command("rotate_keys")
    found = status.status(actor=auditor)
    assert found.last_rotation_at is not None
    wraps = {key.id: (key.is_current, key.is_in_ring, key.wraps) for key in found.keys}
    expected = {"blobs": blobs, "secrets of authenticator apps": 1}
    assert wraps == {old: (False, True, {}), key_ring.key_ring().current: (True, True, expected)}
    assert all(key.created_at for key in found.keys)


def test_a_key_that_the_ring_has_not_is_told(cast: Cast) -> None:
    Blob.objects.create(sha256="0" * 64, size=1, object_name="lost", sealed_key="s1.lost.AAAA")
    [lost] = [key for key in status.status(actor=cast.actor("auditor")).keys if not key.is_in_ring]
    assert (lost.id, lost.wraps, lost.created_at) == ("lost", {"blobs": 1}, None)


def test_it_tells_the_algorithms_as_they_are(cast: Cast) -> None:
    found = status.status(actor=cast.actor("auditor")).algorithms
    assert list(found) == ["content", "data keys and secrets", "object names"]
    assert f"segments of {SEGMENT // 1024} KiB," in found["content"]


def test_a_broken_text_does_not_end_it(cast: Cast) -> None:
    Blob.objects.create(sha256="0" * 64, size=1, object_name="broken", sealed_key="x")
    assert status.status(actor=cast.actor("auditor")).coverage == 100


def test_the_statements_do_not_grow_with_the_keys_and_rows(cast: Cast) -> None:
    actor = cast.actor("auditor")
    key_ring.key_ring()  # there from now on
    with CaptureQueriesContext(connection) as few:
        status.status(actor=actor)
    published(make_index("sealed"))
    call_command("rotate_keys")
    published(make_index("more"))
    with CaptureQueriesContext(connection) as many:
        status.status(actor=actor)
    assert len(many) == len(few) == len(sealed_columns.columns()) + 2


def test_who_does_not_read_everything_is_not_told(cast: Cast) -> None:
    with evidence.refused("administrator-needed"):
        status.status(actor=cast.actor("operator"))
