"""Which tests begin: what takes long and holds a process, so that the many short tests fill what is left at the end.

Needs ``--no-loadscope-reorder``: by itself pytest-xdist begins with the groups of the most tests, which are not the longest,
and may come to a test of a minute when all others have ended.
"""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_rank)  # stable: within a rank the order is that of pytest-randomly


def _rank(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    if group is not None:
        return 0 if group.args == ("cluster",) else 1
    return 2 if item.get_closest_marker("functional") else 3
