"""Keeping accounts and memberships equal with a directory: page by page, with a guard against mass removal."""

from accounts.services.directories.sync.run import plan, run

__all__ = ["plan", "run"]
