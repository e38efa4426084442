"""Figures that are read from the database when somebody asks for the metrics, the same from whichever process answers.

Counters of requests belong to processes and are added up by the Prometheus client; what is so for the installation as a
whole (directories that answer, open alarms) is declared here by the app that knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db import DatabaseError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Reader = Callable[[], Mapping[tuple[str, ...], float]]


@dataclass(frozen=True)
class _Gauge:
    name: str
    help: str
    labels: tuple[str, ...]
    read: Reader


_gauges: dict[str, _Gauge] = {}


def declare(name: str, meaning: str, read: Reader, *, labels: Iterable[str] = ()) -> None:
    """Let ``read`` say the figures of ``name``, by the values of ``labels``; called from an app's ``ready()``."""
    _gauges[name] = _Gauge(name, meaning, tuple(labels), read)


class _FromDatabase(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Each declared gauge; one that cannot be read is left out, which an alert on its absence sees."""
        for gauge in _gauges.values():
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
            try:
                figures = gauge.read()
            except (DatabaseError, OSError):
                continue
            for labels, figure in figures.items():
                family.add_metric(list(labels), figure)
            yield family


def text() -> bytes:
    """All gauges in the exposition format."""
    registry = CollectorRegistry()
    registry.register(_FromDatabase())
    return generate_latest(registry)
