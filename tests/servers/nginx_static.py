"""nginx that serves a folder with a static export, by the configuration that is shipped: ``deploy/nginx-static.conf``."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Sequence
from pathlib import Path

from tests.servers.daemons import Daemon, program
from tests.servers.haproxy import rendered
from tests.servers.ports import LOOPBACK, free_port, status_of

CONFIGURATION = Path(__file__).resolve().parent.parent.parent / "deploy/nginx-static.conf"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_CERTIFICATE = """        ssl_certificate /etc/nginx/tpi.crt;
        ssl_certificate_key /etc/nginx/tpi.key;
        ssl_protocols TLSv1.2 TLSv1.3;
"""
_SIGNED = """            secure_link $arg_md5,$arg_expires;
            secure_link_md5 "$secure_link_expires$uri KEY";
            if ($secure_link = "") { return 403; }
            if ($secure_link = "0") { return 410; }
"""


class NginxStatic(Daemon):
    """``url`` is where clients come, without TLS; ``tree`` is the folder.  With ``key`` files are for signed addresses alone."""

    name = "nginx"

    def __init__(self, tree: Path, key: str = "") -> None:
        super().__init__()
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        places = "".join(f"    {name}_temp_path {self.folder / name};\n" for name in _TEMPORARY)
        here = {
            "listen 443 ssl": f"listen {LOOPBACK}:{self.port}",
            _CERTIFICATE: "",
            "root /srv/tpi-static;": f"root {tree};",
            "worker_processes auto;": "worker_processes 1;",
            "http {\n": f"http {{\n    access_log off;\n{places}",
        }
        if key:  # as docs/mirror-sites.md says
            here["location /files/ {\n"] = f"location /files/ {{\n{_SIGNED.replace('KEY', key)}"
        self.path = self.folder / "nginx.conf"
        self.path.write_text(rendered(here, CONFIGURATION))

    def command(self) -> Sequence[str]:
        """See the base class."""
        directives = [f"pid {self.folder / 'nginx.pid'};", "daemon off;"]
        if os.geteuid() == 0:  # the tests' folders are nobody else's
            directives.append(f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(os.getegid()).gr_name};")
        place = ["-p", str(self.folder), "-e", str(self.folder / "error.log")]
        return [program("nginx"), *place, "-c", str(self.path), "-g", " ".join(directives)]

    def answers(self) -> bool:
        """See the base class."""
        return status_of(self.port, "/") is not None
