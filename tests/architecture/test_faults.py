"""The list of faults names tests that there are."""

from __future__ import annotations

import ast

import pytest

from tests import faults


@pytest.mark.parametrize("case", faults.CASES)
def test_every_test_that_is_named_exists(case: str) -> None:
    missing = []
    for path, names in faults.CASES[case].items():
        tree = ast.parse((faults.ROOT / path).read_text(encoding="utf-8"))
        there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        missing += [f"{path}::{name}" for name in names if name not in there]
    assert missing == []
