"""Commands answer wrong arguments with one sentence that names what is wrong."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("backup {there} --keep -1", "--keep"),
        ("backup /proc/x", "/proc/x"),
        ("backups {there}/none", "/none"),
        ("drill {there} --installs -1", "--installs"),
        ("restore {there}/none", "/none"),
        ("restore ftp://x", "folder"),
        ("fsck --repair-from /proc/x", "/proc/x"),
        ("fsck --repair-from ftp://x", "ftp://x"),
        ("move_storage /proc/x/y", "/proc/x/y"),
        ("move_storage {there}/new --from /proc/x", "--from"),
        ("move_storage {there}/new --from ftp://x", "--from"),
        ("move_database sqlite:///x", "postgres://"),
        ("policy check nosuch acme", "nosuch"),
        ("policy dry-run {there}/none.json", "none.json"),
        ("policy dry-run /proc/cmdline", "/proc/cmdline"),
        ("accept_secret NOSUCH", "NOSUCH"),
        ("rotate_keys --remove nosuch", "nosuch"),
        ("rotate_keys --copy-to file:/proc/x/y", "/proc/x/y"),
    ],
)
def test_a_sentence_names_what_is_wrong(command: str, named: str, settings: Any, tmp_path: Path) -> None:
    settings.TPI_DATA_DIR = tmp_path
    settings.TPI_KEYRING = f"file:{tmp_path / 'ring.json'}"
    words = command.format(there=tmp_path).split()
    with pytest.raises(CommandError) as caught:
        call_command(*words, stdout=StringIO(), stderr=StringIO())
    said = str(caught.value)
    assert named in said
    assert said.endswith(".")
    assert "\n" not in said
    assert "Errno" not in said
