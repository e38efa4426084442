"""A throw-away nginx: in front of the index it hands out files by X-Accel-Redirect, and beside it serves the same file itself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.bench import machine
from tests.bench.processes import Server, free_port

LOCATION = "/blobs/"
_CONFIG = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  default_type application/octet-stream;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location {location} {{ internal; alias {blobs}/; }}
    location /plain/ {{ alias {blobs}/; }}
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }}
  }}
}}
"""


def program() -> str | None:
    """Where nginx is, if it is installed."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def in_front_of(port: int, *, blobs: Path, folder: Path, executable: str) -> Server:
    """An nginx that is not started yet; ``/plain/<object name>`` is a file of ``blobs`` served without asking anybody."""
    folder.mkdir()
    own = free_port()
    user = "user root;" if os.geteuid() == 0 else ""  # the data folder is its owner's alone
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(user=user, folder=folder, port=own, location=LOCATION, blobs=blobs, upstream=port))
    return Server(
        "nginx",
        [executable, "-c", str(config), "-e", str(folder / "nginx-error.log")],
        port=own,
        log=folder / "nginx.log",
        environment=dict(os.environ),
        cpus=machine.server_cpus(),
        ready_path="/plain/",
    )
