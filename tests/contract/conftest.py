"""The fixtures of the contract suites."""

from __future__ import annotations

from tests.contract.stores import store

__all__ = ["store"]
