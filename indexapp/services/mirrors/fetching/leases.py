"""Of several nodes one fetches a file; what it has fetched, the others find in the store.

Inside a node it is the sockets of :mod:`.siblings` that say who fetches, so a lease of this node stops nobody here: whoever
took it may have died.
"""

from __future__ import annotations

import socket
import time
from datetime import timedelta
from functools import lru_cache

from django.conf import settings
from django.db.models import Q

from indexapp.models import File, MirroredFile
from indexapp.services.mirrors.fetching.wanted import needs_healing
from tpi_site.kit import clock, read_only

SECONDS = 30.0
"""For how long a lease holds that nobody renews."""
RENEW_SECONDS = 8.0
PATIENCE = 8.0
"""Seconds for which another node is waited for; less than any client's time-out.  Then this one fetches for its own clients."""
_LOOK_AGAIN = 0.1


@lru_cache(maxsize=1)
def node() -> str:
    """What tells this machine's installation from another node's."""
    folder = settings.TPI_DATA_DIR.stat()
    return f"{socket.gethostname()[:60]} {folder.st_dev:x}.{folder.st_ino:x}"


def take(row: int) -> bool:
    """Whether this node may fetch the file now; also renews.  In read-only mode nothing is written, and each may."""
    if read_only.why() is not None:
        return True
    now = clock.now()
    free = Q(fetching_until=None) | Q(fetching_until__lt=now) | Q(fetching_by=node())
    until = now + timedelta(seconds=SECONDS)
    return bool(MirroredFile.objects.filter(free, pk=row).update(fetching_until=until, fetching_by=node()))


def give_back(row: int) -> None:
    """Let another node fetch it; in read-only mode the lease ends by itself."""
    if read_only.why() is not None:
        return
    MirroredFile.objects.filter(pk=row, fetching_by=node()).update(fetching_until=None, fetching_by="")


def wait(row: int) -> bool:
    """Take the lease, or wait for who has it; False when there is nothing to fetch any more.

    That is looked at with the lease in hand, too: who had it before may have come to the end a moment ago.

    When the other node takes too long, this one goes on without the lease.
    """
    end = time.monotonic() + PATIENCE
    while not take(row):
        time.sleep(_LOOK_AGAIN)
        if not _is_lacking(row):
            return False
        if time.monotonic() > end:
            break
    return _is_lacking(row)


def _is_lacking(row: int) -> bool:
    """Whether the file is there and its bytes are not, or not whole."""
    file = File.objects.select_related("blob").filter(pk=row).first()
    return file is not None and (file.blob is None or needs_healing(file.blob))
