"""nginx in front of nodes, with TLS, by the configuration that is shipped: ``deploy/nginx.conf``."""

from __future__ import annotations

import grp
import os
import pwd
import ssl
from collections.abc import Sequence
from pathlib import Path

from tests.servers.certificates import Authority
from tests.servers.daemons import Daemon, program
from tests.servers.haproxy import rendered
from tests.servers.ports import LOOPBACK, free_port

CONFIGURATION = Path(__file__).resolve().parent.parent.parent / "deploy/nginx.conf"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class NginxFront(Daemon):
    """``port`` is where clients come by TLS; ``context`` is what they trust."""

    name = "nginx"

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__()
        self.port = free_port()
        authority = Authority(self.folder)
        made = authority.issue("server", addresses=[LOOPBACK])
        self.context = ssl.create_default_context(cafile=str(authority.ca_file))
        places = "".join(f"    {name}_temp_path {self.folder / name};\n" for name in _TEMPORARY)
        here = {
            "listen 443 ssl": f"listen {LOOPBACK}:{self.port} ssl",
            "/etc/nginx/tpi.crt": str(made.certificate),
            "/etc/nginx/tpi.key": str(made.key),
            "worker_processes auto;": "worker_processes 1;",
            "http {\n": f"http {{\n    access_log off;\n{places}",
        }
        nodes = {f"node{number}.tpi.example:8000": f"{LOOPBACK}:{port}" for number, port in enumerate(ports)}
        self.path = self.folder / "nginx.conf"
        self.path.write_text(rendered(here | nodes, CONFIGURATION))

    def command(self, *more: str) -> Sequence[str]:
        """See the base class; ``more`` are further words."""
        directives = [f"pid {self.folder / 'nginx.pid'};", *(["daemon off;"] if not more else [])]
        if os.geteuid() == 0:
            directives.append(f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(os.getegid()).gr_name};")
        place = ["-p", str(self.folder), "-e", str(self.folder / "error.log")]
        return [program("nginx"), *place, "-c", str(self.path), "-g", " ".join(directives), *more]

    def answers(self) -> bool:
        """See the base class."""
        return (self.folder / "nginx.pid").exists() and bool((self.folder / "nginx.pid").read_text().strip())
