"""What the processes of the product remember between two requests, and how a test forgets it."""

from __future__ import annotations


def forget() -> None:
    """Empty every memory of this process."""
    from django.core.cache import caches

    from accounts import authentication
    from accounts.services import refusals, request_rates, token_use
    from accounts.services.directories import sign_in
    from indexapp import storage
    from indexapp.services import downloads
    from indexapp.services.integrity import suspicions
    from indexapp.services.mirrors import asking, provenance, uses
    from indexapp.services.mirrors.fetching import running
    from indexapp.services.mirrors.metadata import answering
    from indexapp.services.policies import books, hiding, holds, learning, proofs
    from indexapp.services.replication import budget, pacing, room
    from indexapp.services.serving import files, gate, index_map, project_pages, root_lists, watermarks
    from indexapp.services.sites import choosing, notes, turns
    from indexapp.services.vulnerabilities import matching
    from tpi_site.kit import read_only, recent_lines

    read_only.remember(None, float("inf"))  # nobody switches it behind a test's back
    for cache in caches.all(initialized_only=True):
        cache.clear()
    storage.forget_default()
    sign_in.forget_faults()
    token_use.forget_all()
    request_rates.forget_all()
    for memory in (
        provenance,
        answering,
        asking,
        authentication,
        books,
        budget,
        choosing,
        downloads,
        refusals,
        files,
        gate,
        hiding,
        holds,
        index_map,
        learning,
        matching,
        pacing,
        notes,
        project_pages,
        proofs,
        recent_lines,
        room,
        root_lists,
        running,
        suspicions,
        turns,
        uses,
        watermarks,
    ):
        memory.forget_all()
