from __future__ import annotations

from typing import Any

import pytest

from indexapp.domain.change_kinds import ChangeKind
from indexapp.domain.journal import in_words

WHEEL, SDIST = "acme-1.0-cp311-cp311-linux_x86_64.whl", "acme-1.0.tar.gz"
SILENT = {kind for kind in ChangeKind if kind.value.startswith("index-")} | {
    ChangeKind.TRASH_PURGED,
    ChangeKind.POLICY_CHANGED,
}


@pytest.mark.parametrize(
    ("kind", "filename", "detail", "expected"),
    [
        (ChangeKind.PROJECT_CREATED, "", {}, [(None, "create")]),
        (ChangeKind.FILE_ADDED, WHEEL, {}, [("1.0", f"add cp311 file {WHEEL}")]),
        (
            ChangeKind.FILE_ADDED,
            SDIST,
            {"new_project": True, "new_release": True},
            [(None, "create"), ("1.0", "new release"), ("1.0", f"add source file {SDIST}")],
        ),
        (
            ChangeKind.FILE_REPLACED,
            WHEEL,
            {},
            [("1.0", f"remove file {WHEEL}"), ("1.0", f"add cp311 file {WHEEL}")],
        ),
        (ChangeKind.RELEASE_YANKED, "", {"reason": "{0} {filename}"}, [("1.0", "yank release")]),
        (ChangeKind.RELEASE_DELETED, "", {}, [("1.0", "remove release")]),
        (ChangeKind.FILE_DELETED, SDIST, {}, [("1.0", f"remove file {SDIST}")]),
        (ChangeKind.FILE_DELETED, "{tag}", {}, [("1.0", "remove file {tag}")]),
        (ChangeKind.PROJECT_DELETED, "", {}, [(None, "remove project")]),
        (ChangeKind.PROJECT_STATUS, "", {"status": "quarantined"}, [(None, "project quarantined")]),
    ],
)
def test_a_change_in_the_words_of_the_journal(
    kind: ChangeKind, filename: str, detail: dict[str, Any], expected: list[tuple[str | None, str]]
) -> None:
    assert in_words(kind.value, "1.0", filename, detail) == expected


def test_every_change_of_a_project_has_words() -> None:
    assert {kind for kind in ChangeKind if not in_words(kind.value, "1.0", WHEEL, {})} == SILENT
