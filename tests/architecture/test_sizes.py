from __future__ import annotations

import ast

from tests.architecture.source import ROOT, modules

MOST_LINES = 400
MOST_FUNCTION_LINES = 60


def test_no_file_has_grown_past_its_purpose() -> None:
    sizes = {str(path): len((ROOT / path).read_text().splitlines()) for path, _ in modules()}
    assert {path: size for path, size in sizes.items() if size > MOST_LINES} == {}


def test_no_function_is_long() -> None:
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MOST_FUNCTION_LINES
    ]
    assert long == []
