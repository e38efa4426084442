"""The base of the filters of lists."""

from __future__ import annotations

from django_filters import rest_framework as filters


class Filters(filters.FilterSet):  # type: ignore[misc]  # the library is not typed; said here for all
    """The query parameters of a list; a value that cannot be meant is refused with its name."""
