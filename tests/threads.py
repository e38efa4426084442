"""Calls that happen at the same time, each on a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connections

from tpi_site.kit.errors import Refusal

T = TypeVar("T")


def together(calls: Iterable[Callable[[], T]]) -> list[T | Refusal]:
    """Start all ``calls`` at once; their results or refusals in order. Anything else that one raises is raised here."""
    calls = list(calls)
    barrier = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T | Refusal:
        barrier.wait()
        try:
            return call()
        except Refusal as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]
