"""Projects of every kind that a page has to cope with."""

from __future__ import annotations

from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.servers import inside
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

PASSWORD = "a long enough password"
LONG = "acme-" + "very-long-name-" * 4 + "x"
_README = """# acme-tool

[![build](https://ci.example/badge.svg)](https://ci.example/) ![logo](https://cdn.example/logo.png)

See [usage](#usage) and the [guide](docs/guide.md).

> [!WARNING]
> Handle with care.

## Usage

```python
def main() -> int:
    return tool.run("hello", times=3)  # thrice, and a line that is so long that it has to scroll in its frame somewhere
```

- [x] fast
- [ ] perfect

| Option | Meaning | Default |
|---|---|---|
| `--very-long-option-name` | Does what takes many words to explain, as options do | `None` |

<h1 id="content">Evil</h1><script>document.title = "evil"</script><img src=x onerror="document.title = 'evil'">
"""
_RST = """
Title
=====

.. note:: Hello.

.. image:: https://cdn.example/picture.png

.. code:: python

   print(1)

========= =====
first     second
========= =====
1         2
========= =====

A footnote [1]_.

.. [1] Here.
"""
_HEADERS = [
    ("Summary", "Builds, checks and ships whatever the road runner needs"),
    ("Author-email", "Wile E. Coyote <wile@acme.example>"),
    ("License-Expression", "Apache-2.0"),
    ("Requires-Python", ">=3.9"),
    ("Project-URL", "Documentation, https://docs.acme.example/tool/"),
    ("Classifier", "Programming Language :: Python :: 3"),
    ("Keywords", "acme,build,ship"),
    ("Requires-Dist", "acme-rst>=1; python_version < '3.12'"),
    ("Provides-Extra", "fast"),
    ("Requires-Dist", "numpy[all]>=1,<3; extra == 'fast'"),
    ("Description-Content-Type", "text/markdown"),
]


def sow(server: TpiServer) -> None:
    """Publish, mark, and let ``reader`` read and ``keeper`` administer the default index; ``outsider`` has nothing."""
    people = [("user", {"name": name, "password": PASSWORD}) for name in ("reader", "keeper", "outsider")]
    server.inside(
        inside.several,
        works=[
            *people,
            ("grant", {"user": "reader", "index": "main", "verbs": ["read"]}),
            ("grant", {"user": "keeper", "index": "main", "verbs": ["administer"]}),
            ("index", {"name": "empty", "title": "Nothing in here"}),
            ("index", {"name": "both", "kind": "group", "members": ["main", "empty"]}),
        ],
    )
    with Session(server.url, basic(server.token)) as session:
        for built in _wheels():
            reply = session.upload(built, "/main/legacy/")
            assert reply.status == 200, reply.reason
    server.inside(
        inside.several,
        works=[
            ("yank", {"project": "acme-tool", "version": "1.1", "reason": "Breaks on Windows"}),
            ("set_status", {"project": "acme-retired", "status": "deprecated", "reason": "Use acme-tool."}),
            ("set_status", {"project": "acme-suspect", "status": "quarantined", "reason": "See incident 42."}),
        ],
    )


def _wheels() -> list[Built]:
    tool = {"headers": _HEADERS, "description": _README}
    tags = "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"
    return [
        *(build_wheel("acme-tool", version, **tool) for version in ("1.0", "1.1", "1.2", "2.0a1")),
        build_wheel("acme-tool", "1.2", tags=tags, **tool),
        build_wheel("acme-rst", headers=[("Description-Content-Type", "text/x-rst")], description=_RST),
        build_wheel(
            LONG, "2024.10.20.post1+local.build.12345", headers=[("Summary", "W" * 300)], description="*broken"
        ),
        build_wheel("acme-retired"),
        build_wheel("acme-suspect"),
        *(build_wheel(f"lib-{number:02d}") for number in range(55)),
    ]
