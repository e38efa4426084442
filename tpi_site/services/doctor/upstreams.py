"""The upstreams of mirrors: whether their secrets open, whether they answer, and how they are reached."""

from __future__ import annotations

from indexapp.domain.upstream_settings import is_plain
from indexapp.models import Upstream
from indexapp.services.mirrors import secrets
from tpi_site.kit.errors import Unavailable
from tpi_site.services.doctor.findings import Verdict, failing, good, unused, warning

_TOLD = 5


def upstreams() -> Verdict:
    """What is known of each; none is asked, because that takes as long as the slowest of them."""
    rows = list(Upstream.objects.select_related("index").order_by("index__name"))
    if not rows:
        return unused("There is no mirror.")
    if shut := [row.index.name for row in rows if not _opens(row)]:
        return failing(
            f"Secrets for these mirrors' upstreams do not open: {_listed(shut)}.",
            "Restore the key ring that they were sealed with, or enter them anew in the console.",
        )
    if away := [row for row in rows if row.failing_since is not None and not row.is_offline]:
        told = " ".join(f"'{row.index.name}': {row.failure}" for row in away[:_TOLD])
        return warning(
            f"Upstreams give no answer. {told}", "Test them in the console; what is known is served meanwhile."
        )
    if plain := [row.index.name for row in rows if is_plain(row.url)]:
        return warning(
            f"These mirrors fetch over plain http: {_listed(plain)}.",
            "Use https, or whoever stands in between can change what comes.",
        )
    return good(f"{len(rows)} of {len(rows)} upstreams are as they should be.")


def _opens(row: Upstream) -> bool:
    try:
        secrets.opened(row)
    except Unavailable:
        return False
    return True


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:_TOLD])
