"""Lists over tables of any size: nothing is counted, one query fetches a page and learns whether another follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.http import HttpRequest
from django.utils.text import capfirst

if TYPE_CHECKING:
    from tpi_site.kit.admin.screens import Screen

MAX_PAGES = 200
"""Pages are found by skipping rows; deeper ones would cost more than a filter or a search."""


class OpenEndedList(ChangeList):
    """A change list that knows whether there is more, but not how much."""

    model_admin: Screen
    list_per_page: int

    def __init__(self, request: HttpRequest, *args: Any, **options: Any) -> None:
        super().__init__(request, *args, **options)
        self.title = str(capfirst(self.model_admin.menu_name or self.opts.verbose_name_plural))
        self.is_renamed = bool(self.model_admin.menu_name)
        self.adding = self.model_admin.adding
        self.links = self.model_admin.list_links(request)
        self.add_query = self.model_admin.add_query(request)

    def get_results(self, request: HttpRequest) -> None:
        """Find the keys of one page and of one row more, then fetch the rows of those keys.

        Sorting and skipping handle keys alone, which indexes often hold by themselves; whole rows with what is joined to
        them are read for the page only.
        """
        if not 1 <= self.page_num <= MAX_PAGES:
            raise IncorrectLookupParameters
        start = (self.page_num - 1) * self.list_per_page
        keys = self._keys(request, start, start + self.list_per_page + 1)
        if start and not keys:
            raise IncorrectLookupParameters
        self.has_next = len(keys) > self.list_per_page
        self.result_list = self.model_admin.enrich(self._rows(keys[: self.list_per_page]))
        self.first_row, self.last_row = start + 1, start + len(self.result_list)
        self._fill_in(request)

    def _keys(self, request: HttpRequest, start: int, end: int) -> list[Any]:
        """The keys of a slice; where the screen knows disjoint parts of its rows, the database merges them in order."""
        parts = () if self._is_pinned else self.model_admin.parts(request)
        if len(parts) < 2:  # noqa: PLR2004  nothing to merge
            return list(self.queryset.filter(*parts).values_list("pk", flat=True)[start:end])
        pk = self.lookup_opts.pk.name
        ordering = [
            str(name).replace("pk", pk) if str(name) in ("pk", "-pk") else name for name in self.queryset.query.order_by
        ]
        columns = [str(name).lstrip("-") for name in ordering]
        first, *others = (self.queryset.order_by().filter(part).values_list(*columns) for part in parts)
        return [row[columns.index(pk)] for row in first.union(*others, all=True).order_by(*ordering)[start:end]]

    @property
    def _is_pinned(self) -> bool:
        """Whether a search or a filter finds few rows by itself, so that parts would only lead the planner astray."""
        return bool(self.query) or any(getattr(spec, "pins", False) for spec in self.filter_specs)

    def _rows(self, keys: list[Any]) -> list[Any]:
        """The rows of ``keys``, in their order; one that was deleted meanwhile is left out.

        They were found among the actor's rows just now; to say so again would only distract the planner.
        """
        rows = self.apply_select_related(self.model._default_manager.filter(pk__in=keys))
        found = {row.pk: row for row in rows.defer(*self.model_admin.list_defer).order_by()}
        return [found[key] for key in keys if key in found]

    def _fill_in(self, request: HttpRequest) -> None:
        """What the admin's own templates and tags read."""
        self.result_count = self.full_result_count = self.last_row
        self.show_full_result_count = False
        self.show_admin_actions = bool(self.result_list)
        self.can_show_all = False
        self.multi_page = False
        self.paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)

    @property
    def previous_url(self) -> str:
        """The query string of the page before, empty on the first one."""
        return self.get_query_string({PAGE_VAR: str(self.page_num - 1)}) if self.page_num > 1 else ""

    @property
    def next_url(self) -> str:
        """The query string of the next page, empty where there is none or paging ends."""
        follows = self.has_next and self.page_num < MAX_PAGES
        return self.get_query_string({PAGE_VAR: str(self.page_num + 1)}) if follows else ""

    @property
    def is_cut_off(self) -> bool:
        """Whether there are rows that paging does not reach."""
        return self.has_next and self.page_num >= MAX_PAGES

    @property
    def is_narrowed(self) -> bool:
        """Whether a search or a filter hides rows."""
        return bool(self.query or (self.has_active_filters and any(map(any, self.get_filters_params().values()))))

    @property
    def empty_text(self) -> str:
        """What to do next where the list is empty."""
        return self.model_admin.empty_text
