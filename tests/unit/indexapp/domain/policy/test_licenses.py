from __future__ import annotations

import pytest

from indexapp.domain.policy.licenses import is_satisfied, known_expression, license_ids
from tpi_site.kit.errors import Invalid

FREE = frozenset({"MIT", "Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"})


@pytest.mark.parametrize(
    ("expression", "may"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR GPL-3.0-only) AND Apache-2.0", True),
        ("MIT AND (GPL-3.0-only OR GPL-2.0-only)", False),
        ("GPL-3.0-only OR MIT AND Apache-2.0", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", True),
        ("GPL-2.0-only", False),
        ("MIT WITH Bison-exception-2.2", True),
        ("mit", True),
        ("Apache-2.0+", True),
        ("((MIT))", True),
    ],
)
def test_allowed_licences(expression: str, may: bool) -> None:
    assert is_satisfied(expression, FREE, are_allowed=True) is may


@pytest.mark.parametrize(
    ("expression", "may"),
    [("MIT", True), ("GPL-3.0-only", False), ("MIT OR GPL-3.0-only", True), ("MIT AND GPL-3.0-only", False)],
)
def test_denied_licences(expression: str, may: bool) -> None:
    assert is_satisfied(expression, frozenset({"GPL-3.0-only"}), are_allowed=False) is may


@pytest.mark.parametrize(
    ("text", "known"),
    [("mit", "MIT"), ("Some words of my own", ""), ("", ""), ("(" * 900 + "MIT" + ")" * 900, ""), ("x" * 2000, "")],
)
def test_what_an_old_field_tells(text: str, known: str) -> None:
    assert known_expression(text) == known


def test_a_list_holds_ids() -> None:
    assert license_ids(["mit", "LicenseRef-Ours", "MIT"]) == ("MIT", "LicenseRef-Ours")
    for wrong in ("MIT OR Apache-2.0", "free", "MIT AND Apache-2.0"):
        with pytest.raises(Invalid):
            license_ids([wrong])
