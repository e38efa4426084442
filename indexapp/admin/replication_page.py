"""What the console's page about replication shows above the list of replicas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.models import AuditEntry
from indexapp.admin import replica_limits
from indexapp.models import Blob, Epoch, File, Following, Holding, WantedBlob
from indexapp.services.replication import epochs, holding, overview, pacing, promoting, room, standing
from indexapp.services.replication.overview import State
from tpi_site.kit import sizes
from tpi_site.kit.errors import Refusal

TONES = {
    State.INVITED: "",
    State.PAUSED: "warn",
    State.FAILING: "bad",
    State.SILENT: "bad",
    State.LAGGING: "bad",
    State.INCOMPLETE: "warn",
    State.CATCHING_UP: "accent",
    State.IN_STEP: "good",
}
_SHOWN = 8
_TRIED = 3
"""Attempts after which what does not come is worth showing; one failure is everyday."""
_AWAY = "Look whether the primary serves and whether this site reaches it. What is here is served meanwhile."
ADVICE = {
    "unreachable": _AWAY,
    "too-slow": _AWAY,
    "not-allowed": "The primary's address lies in a network that TPI_OUTBOUND_NETWORKS does not name.",
    "tls": "The primary's certificate is not believed: renew it there, or leave and join with the authorities that signed it.",
    "proxy": "Look at the proxy between this site and its primary.",
    "replica-unknown": "The secret was revoked. Have this site invited again, leave, and join anew on an empty installation.",
    "site-taken": "Another installation uses this site's secret, perhaps a copy of it. Stop the copy; each replica is "
    "invited by itself.",
    "site-changed": "Another installation answers at the primary's address. Set the address right before anything else.",
    "releases-differ": "Bring both sites to the same release; following goes on by itself then.",
    "primary-behind": "The primary's database was put back by hand. Compare both sites before one of them goes on.",
    "epoch-unknown": "The primary does not know this site's past. Compare both before one of them goes on.",
    "pepper-differs": "Nobody can sign in here until it is mended. What the primary has is taken meanwhile.",
    "bad-batch": "Nothing of it was taken, and it is tried again. If it stays so, make a support bundle on both sites.",
    "bad-answer": "Something between both sites answers in the primary's place, or the primary is out of order; see its log.",
}
"""What to do, by the code of the failure."""
_ELSE = "It is tried again by itself. If it stays so, run the doctor on both sites."


@dataclass(frozen=True)
class Bar:
    """How much of something is here; ``percent`` is rounded down, so that only all is 100."""

    name: str
    done: int
    whole: int
    words: str
    lacking: str
    since: datetime | None

    @property
    def percent(self) -> int:
        """Of the whole."""
        return 100 if self.whole <= 0 else max(0, min(100, self.done * 100 // self.whole))


@dataclass(frozen=True)
class Wanted:
    """A content that is missing, as a row of a table; ``names`` only for who may read everything."""

    row: WantedBlob
    names: str

    @property
    def size(self) -> str:
        """For people."""
        return sizes.rounded(self.row.size)


def ago(moment: datetime | None) -> str:
    """How long ago, in words; empty for what never was."""
    if moment is None:
        return ""
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    for limit, unit, words in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds // unit} {words} ago"
    return f"{seconds // 86_400} days ago"


def context(*, names_files: bool) -> dict[str, Any]:
    """For the template: what this site is, and of a replica how far it is and what it lacks."""
    found = standing.standing()
    told: dict[str, Any] = {
        "epoch": epochs.current(),
        "site": epochs.site(),
        "serial": epochs.newest_serial(),
        "following": found,
    }
    if found is None:
        return told
    state, row = overview.own_state(found), Following.objects.first()
    told |= {
        "state": state,
        "tone": TONES[state],
        "bars": _bars(found),
        "contact": ago(found.contact_at) or "never",
        "advice": ADVICE.get(found.failure_code, _ELSE),
        "their_epoch": Epoch.objects.filter(uuid=found.epoch).first(),
        "joined_at": row.joined_at if row else None,
        "heir": _heir(row),
    }
    held, fetching = holding.told(), pacing.told()
    left_out, size = held["not_held_files"], held["not_held_bytes"]
    told |= {
        "held": held,
        "held_bytes": sizes.rounded(held["held_bytes"]),
        "held_words": replica_limits.held_words(Holding.objects.first()),
        "fetching": fetching,
        "rate": sizes.rounded(fetching["rate"]) if fetching["rate"] else "",
        "waits": pacing.waits() or room.waits(),
        "left_out": f"{_counted(left_out, 'file')} ({sizes.rounded(size)})" if left_out else "",
        "verified": AuditEntry.objects.filter(action="replication.verify").order_by("-pk").first(),
    }
    if found.missing_blobs:
        told |= {
            "largest": _wanted(WantedBlob.objects.order_by("-size", "pk")[:_SHOWN], names_files=names_files),
            "failing": _wanted(
                WantedBlob.objects.filter(attempts__gte=_TRIED).order_by("-attempts", "pk")[:_SHOWN],
                names_files=names_files,
            ),
        }
    return told


def _heir(row: Following | None) -> str:
    """Whether it may take over, and what stands in the way, in the words in which a promotion is refused."""
    try:
        return f"yes, at {promoting.require_appointed(row).own_url}"
    except Refusal as refusal:
        return f"no. {refusal.detail}"


def _bars(found: standing.Standing) -> list[Bar]:
    here = Blob.objects.count()
    behind = found.serials_behind
    lacks = f"{_counted(behind, 'change')} behind" if behind else "all changes are here"
    lacking = (
        f"{_counted(found.missing_blobs, 'content')} ({sizes.rounded(found.missing_bytes)}) missing"
        if found.missing_blobs
        else "all files are here"
    )
    newest = max(found.serial, found.primary_serial)
    return [
        Bar("Changes", found.serial, newest, f"serial {found.serial} of {newest}", lacks, found.behind_since),
        Bar(
            "Files",
            here,
            here + found.missing_blobs,
            f"{here} of {_counted(here + found.missing_blobs, 'content')}",
            lacking,
            found.incomplete_since,
        ),
    ]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _wanted(rows: Sequence[WantedBlob] | Any, *, names_files: bool) -> list[Wanted]:
    listed = list(rows)
    keys = {key for row in listed for key in row.files[:1]} if names_files else set()
    names = {file.pk: file.filename for file in File.objects.filter(pk__in=keys).only("filename")}
    return [Wanted(row, names.get(row.files[0], "") if row.files else "") for row in listed]
