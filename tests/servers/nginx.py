"""nginx in front of TPI, under a path prefix, sending the bytes of files itself where it is told to."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import processes
from tests.servers.caretaker import Caretaker
from tests.servers.ports import LOOPBACK, status_of, wait_until

ACCEL = "/_blobs"

_CONFIGURATION = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    {cache_zone}
    server {{
        listen {loopback}:{port};
        location {prefix}/ {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Connection "";
            proxy_read_timeout 300s;
            {cached}
        }}
        location {accel}/ {{
            internal;
            alias {blobs}/;
        }}
    }}
}}
"""


_CACHE_ZONE = "proxy_cache_path {folder}/cache keys_zone=shared:1m;"
# The key of nginx's own default knows neither the host that was asked for nor the credentials.
_CACHED = """
            proxy_bind {address};
            proxy_cache shared;
            proxy_cache_revalidate on;
            add_header X-Cache $upstream_cache_status always;
"""


@contextmanager
def nginx(
    *, folder: Path, port: int, upstream: str, prefix: str, blobs: Path, caching_from: str = ""
) -> Iterator[None]:
    """Listen on ``port`` and pass what lies below ``prefix`` on to the address ``upstream``; with a final slash there, nginx
    takes the prefix off.  ``blobs`` is the folder that TPI's ``X-Accel-Redirect`` answers lead into.  With
    ``caching_from``, a loopback address that it asks from, it is a cache that many share."""
    executable = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/usr/local/sbin")
    assert executable, "nginx is missing; run 'make test', which installs it"
    configuration = folder / "nginx.conf"
    # the files are the installation's own (mode 0600), so nginx must run as its user to send them
    user = (
        f"user {pwd.getpwuid(os.geteuid()).pw_name} {grp.getgrgid(os.getegid()).gr_name};" if os.geteuid() == 0 else ""
    )
    configuration.write_text(
        _CONFIGURATION.format(
            user=user,
            folder=folder,
            loopback=LOOPBACK,
            port=port,
            upstream=upstream,
            prefix=prefix,
            blobs=blobs,
            accel=ACCEL,
            cache_zone=_CACHE_ZONE.format(folder=folder) if caching_from else "",
            cached=_CACHED.format(address=caching_from) if caching_from else "proxy_buffering off;",
        )
    )
    caretaker = Caretaker()
    command = [executable, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "nginx-error.log")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    caretaker.process(process.pid)
    try:
        wait_until(lambda: status_of(port, "/") is not None, 30, (folder / "nginx-error.log").read_text)
        yield
    finally:
        processes.kill(process.pid, signal.SIGTERM)
        process.wait()
        caretaker.forget(process.pid)
        caretaker.dismiss()
