"""How gunicorn runs the site. The application is loaded once and shared by the workers; threads serve requests.

Everything that an operator may set comes from the product's own settings.
"""

from __future__ import annotations

import gc
import ipaddress
import os
import resource
import signal
from pathlib import Path
from typing import Any

os.umask(0o077)
# A page of thousands of files is thousands of tuples, and no garbage: looking for some after each 700 takes a third of
# the page's time.
gc.set_threshold(10_000, 10, 10)

from django.conf import settings  # noqa: E402  the mask must be set before anything is written

from tpi_site.kit import companions  # noqa: E402  as above
from tpi_site.kit.lifeline import end_with  # noqa: E402  as above

bind = settings.TPI_BIND
wsgi_app = "tpi_site.wsgi:application"
worker_class = "tpi_site.web_worker.WebWorker"
workers = settings.TPI_WORKERS
threads = settings.TPI_THREADS
# A worker that may not open any more files cannot accept, and ends; some are left for the database, packages and pages.
worker_connections = min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
preload_app = True
keepalive = 30
graceful_timeout = settings.TPI_DRAIN_SECONDS
timeout = 120
limit_request_line = 8190
limit_request_field_size = 16380
# Nobody is a proxy who is not called one, not even a neighbour on this machine; and no proxy says by headers of the names of
# WSGI's own variables where the site is, which TPI_URL does.
forwarded_allow_ips = ",".join(str(ipaddress.ip_network(text, strict=False)) for text in settings.TPI_TRUSTED_PROXIES)
forwarder_headers = ""
control_socket_disable = True
loglevel = "warning"
errorlog = "-"
proc_name = "tpi"


def when_ready(server: Any) -> None:
    """Let the collector pass over what was loaded before the workers are forked.

    It stays as long as the process; looking through it again and again would cost time in large pages, and would copy the
    memory that the workers share.
    """
    gc.collect()
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:
    """Let a worker drain and end as soon as the master is gone, so that nothing keeps the port from the next one."""
    end_with(worker.ppid, signal.SIGTERM)


def post_worker_init(worker: Any) -> None:
    """Start what a worker does beside answering requests."""
    companions.start()


def worker_exit(server: Any, worker: Any) -> None:
    """Let it write down what it still holds."""
    companions.finish()


def child_exit(server: Any, worker: Any) -> None:
    """Forget a dead worker's live gauges."""
    from prometheus_client import multiprocess

    if Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")).is_dir():
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
