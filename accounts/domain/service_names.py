"""How accounts of programs are named, so that they never meet a person's name."""

from __future__ import annotations

import re

from accounts.domain.directory_entries import account_name

PREFIX = "svc-"
_NAME = re.compile(r"svc-[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


def is_service_name(name: str) -> bool:
    """Whether a new service account may be called so: ``svc-`` and lower-case letters, digits, hyphens; 64 in all."""
    return _NAME.fullmatch(name) is not None


def is_kept_for_programs(name: str) -> bool:
    """Whether no person may have the name, in whatever case or Unicode form it is written."""
    return account_name(name).startswith(PREFIX)
