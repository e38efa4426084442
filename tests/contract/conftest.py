"""The fixtures of the contract suites."""

from __future__ import annotations

from tests.contract.stores import store, the_first_wins

__all__ = ["store", "the_first_wins"]
