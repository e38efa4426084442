from __future__ import annotations

import ast
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command

from tests.architecture.source import APPS, ROOT


@pytest.mark.django_db
def test_the_migrations_are_those_of_the_models() -> None:
    said = StringIO()
    call_command("makemigrations", "accounts", "indexapp", "webhooks", check=True, dry_run=True, stdout=said)
    assert "No changes detected" in said.getvalue()


def test_migrations_stand_alone() -> None:
    """What they need of the product is written in them, so that it may change and they go on doing what they did."""
    paths = sorted(ROOT.glob("*/migrations/*.py"))
    assert len(paths) > len(APPS)
    borrowed = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in paths
        for module in _imported(ast.parse(path.read_text(encoding="utf-8")))
        if module.partition(".")[0] in ("", *APPS)
    }
    assert borrowed == set()


_TAKES_AWAY = {
    "RemoveField",
    "DeleteModel",
    "RenameField",
    "RenameModel",
    "AlterModelTable",
    "RunSQL",
    "SeparateDatabaseAndState",
}


def test_an_expanding_migration_takes_nothing_away() -> None:
    """A node of the release before goes on beside it; what takes away says ``contracts = True`` and waits for those nodes."""
    taking, marked = set(), set()
    for path in sorted(ROOT.glob("*/migrations/0*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        called = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        if called & _TAKES_AWAY:
            taking.add(path.name)
        if _is_marked(tree):
            marked.add(path.name)
    assert taking - marked == set()


def test_the_mark_of_a_contracting_migration_is_seen() -> None:
    assert _is_marked(ast.parse("class Migration:\n    contracts = True"))
    assert not _is_marked(ast.parse("class Migration:\n    contracts = False"))


def _is_marked(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Assign) and ast.unparse(node) == "contracts = True" for node in ast.walk(tree))


def _imported(tree: ast.Module) -> Iterator[str]:
    """The modules that the source imports, anywhere in it; a relative one begins with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
