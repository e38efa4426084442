"""The log of a process is a place outside the database where checkpoints are kept."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from accounts.domain import checkpoints
from accounts.services import audit_checkpoints, audit_keys
from tests.factories.audit import entries
from tpi_site.kit.logs import JsonLines

pytestmark = pytest.mark.django_db


def test_the_line_of_a_checkpoint_proves_what_the_row_does(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TPI_DATA_DIR = tmp_path
    entries(3)
    with caplog.at_level(logging.INFO, audit_checkpoints.__name__):
        made = audit_checkpoints.checkpoint()
    lines = [JsonLines().format(each) for each in caplog.records]
    (written,) = [line["checkpoint"] for line in map(json.loads, lines) if "checkpoint" in line]
    assert made is not None
    assert written == made.note
    assert checkpoints.opened(written, [audit_keys.public_key()]).size == made.size
