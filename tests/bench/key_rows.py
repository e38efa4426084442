"""Inside an installation: many blobs' keys, and how many of them a rotation wraps anew in a second."""

from __future__ import annotations

import os
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")


def main() -> None:
    """``python -m tests.bench.key_rows NUMBER`` prints the rate."""
    import django

    django.setup()
    from accounts.domain.actors import internal
    from accounts.services.keys import rewrapping, ring
    from tests.servers.inside import sealed_blobs

    number, actor = int(sys.argv[1]), internal("bench")
    sealed_blobs(number)
    ring.add_key(actor=actor)
    began = time.monotonic()
    outcome = rewrapping.rewrap_all(actor=actor)
    took = time.monotonic() - began
    assert outcome.rewrapped >= number
    assert not rewrapping.waiting()
    sys.stdout.write(f"{outcome.rewrapped / took}")


if __name__ == "__main__":
    main()
