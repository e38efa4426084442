"""The console's screens of indexes and what is in them."""

from indexapp.admin import changes, files, indexes, prefixes, projects, quotas, releases, roles, trash

__all__ = ["changes", "files", "indexes", "prefixes", "projects", "quotas", "releases", "roles", "trash"]
