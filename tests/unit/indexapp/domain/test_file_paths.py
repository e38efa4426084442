from __future__ import annotations

from indexapp.domain.file_paths import file_path


def test_the_digest_makes_three_levels() -> None:
    assert file_path("abcd" + "0" * 60, "x-1.tar.gz") == f"ab/cd/{'0' * 60}/x-1.tar.gz"
