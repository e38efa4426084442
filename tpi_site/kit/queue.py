"""Jobs that somebody starts: they enter the queue when what asked for them has been written, never before."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import transaction
from django_q.tasks import async_task


def enqueue(function: str, *arguments: Any, name: str) -> str:
    """Let the job cluster call ``function`` (a dotted path) once the transaction, if there is one, is committed.

    The arguments are plain values, keys of rows for instance.  The answer, ``name`` with a few letters more, is what the
    console's lists of jobs call it.  A job may run twice and must find that harmless.
    """
    job = f"{name} {secrets.token_hex(4)}"
    transaction.on_commit(lambda: async_task(function, *arguments, task_name=job))
    return job
