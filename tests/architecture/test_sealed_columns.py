"""What the key ring wraps and a row keeps must be known to the rotation, or an old key is removed from under it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from accounts.services.keys import sealed_columns
from tests.architecture.source import modules

SEALERS = {
    "accounts/services/authenticators.py": {("Authenticator", "secret")},
    "accounts/services/audit_sinks.py": {("AuditSink", "secret")},
    "accounts/services/bound_secrets.py": {("AuditSink", "secret"), ("Directory", "bind_password")},
    "accounts/services/directories/settings.py": {("Directory", "bind_password")},
    "indexapp/services/mirrors/settings.py": {
        ("Upstream", "password"),
        ("Upstream", "client_key"),
        ("Upstream", "proxy_password"),
    },
    "indexapp/services/replication/columns.py": {
        ("Authenticator", "secret"),
        ("Directory", "bind_password"),
        ("Upstream", "password"),
        ("Upstream", "client_key"),
        ("Upstream", "proxy_password"),
    },
    "indexapp/services/replication/joining.py": {("Following", "secret")},
    "indexapp/services/replication/promoting.py": {("Takeover", "secret")},
    "indexapp/services/replication/returning.py": {("Following", "secret")},
    "indexapp/services/sites/settings.py": {("MirrorSite", "signing_key")},
}
"""Modules that seal a secret, and the columns into which they write it."""
WRAPPERS = {
    "tpi_site/kit/sealing.py": set(),
    "indexapp/storage/sealed_files.py": {("Blob", "sealed_key")},
    # With a ring that is derived from the secret of a seed; it is in no database.
    "indexapp/storage/sealed_streams.py": set(),
    # The keys of the ring itself, by a source outside.
    "tpi_site/kit/keys/ring.py": set(),
    "tpi_site/kit/keys/sources.py": set(),
    "tpi_site/kit/keys/text.py": set(),
}
"""Modules that call ``wrap`` themselves."""


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def _seals(tree: ast.Module) -> bool:
    """Whether the module calls one of the two functions of the kit that seal, under whatever name it imported them."""
    names = {"sealing.seal", "sealing.resealed"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "tpi_site.kit.sealing":
            names |= {alias.asname or alias.name for alias in node.names if alias.name in ("seal", "resealed")}
        if isinstance(node, ast.ImportFrom) and node.module == "tpi_site.kit":
            names |= {
                f"{alias.asname}.{name}"
                for alias in node.names
                if alias.name == "sealing" and alias.asname
                for name in ("seal", "resealed")
            }
    return any(name in names for name, _ in _calls(tree))


def _registered() -> set[tuple[str, str]]:
    return {(column.model.__name__, column.field) for column in sealed_columns.columns()}


def test_every_module_that_seals_a_secret_writes_it_into_a_registered_column() -> None:
    found = {str(path) for path, tree in modules() if _seals(tree)} - {"tpi_site/kit/sealing.py"}
    assert found == set(SEALERS)
    assert set().union(*SEALERS.values()) <= _registered()


def test_nothing_else_wraps_with_the_ring() -> None:
    found = {str(path) for path, tree in modules() if any(name.endswith(".wrap") for name, _ in _calls(tree))}
    assert found == set(WRAPPERS)


def test_every_registered_column_has_a_writer() -> None:
    assert _registered() == set().union(*SEALERS.values(), *WRAPPERS.values())
