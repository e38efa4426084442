"""Raising and reading the counters that tell in-memory copies that they are out of date."""

from __future__ import annotations

from django.db.models import F

from accounts.models import Generation
from tpi_site.kit import read_only

ACCESS = "access"
"""People, teams, tokens, roles and what indexes say about access."""
POLICY = "policy"
"""What decides about versions by more than who asks: rules, exceptions and what is known of vulnerabilities."""

TABLES = "tables"
"""What nobody remembers and replicas have to know: tokens that were issued, and second factors."""

SITES = "sites"
"""Mirror sites: which there are, how they do, and what they were found to have."""

_REPLICATED = (ACCESS, POLICY, TABLES)


def bump_access() -> None:
    """Make every remembered right void; call it in the transaction that changes one."""
    _bump(ACCESS)


def bump_policy() -> None:
    """Have verdicts, pages and files held against the policy anew; call it in the transaction that changes those."""
    _bump(POLICY)


def bump_tables() -> None:
    """Have replicas compare; call it in the transaction of what changes no remembered right."""
    _bump(TABLES)


def bump_sites() -> None:
    """Have the choice of mirror sites made anew; call it in the transaction that changes them or what they have."""
    _bump(SITES)


def policy() -> int:
    """The number of the last change of that kind; one query."""
    return Generation.objects.filter(name=POLICY).values_list("value", flat=True).first() or 0


def hold() -> None:
    """Wait for the transactions that have raised a counter, and keep others from it until this one ends."""
    for name in _REPLICATED:
        Generation.objects.get_or_create(name=name)
    list(Generation.objects.select_for_update().filter(name__in=_REPLICATED).order_by("name"))


def _bump(name: str) -> None:
    if not _raise(name):
        # The first change of an installation; somebody else's first change may come at the same moment.
        Generation.objects.get_or_create(name=name)
        _raise(name)
    if name in _REPLICATED:
        read_only.require_unfenced()  # its row is locked by now, which who sets the fence waits for


def _raise(name: str) -> int:
    return Generation.objects.filter(name=name).update(value=F("value") + 1)
