"""What a model's pages in the console derive from: rows by the actor's rights, writes by services, lists that stay quick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import unquote
from django.db.models import IntegerField, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.text import capfirst

from tpi_site.kit.admin import entrance, freshness
from tpi_site.kit.admin.confirmations import Confirmations
from tpi_site.kit.admin.entrance import actor_of
from tpi_site.kit.admin.filters import FormFilter
from tpi_site.kit.admin.lists import OpenEndedList
from tpi_site.kit.admin.refusals import RefusableForm, RefusalsAsFormErrors

_LARGEST_ID = 2**63 - 1


class Screen(Confirmations, RefusalsAsFormErrors):
    """The pages of one model.

    A subclass gives ``rows`` and, where people may write, ``may_add``/``add_row`` and ``may_change``/``change_row``;
    rows that ``rows`` leaves out do not exist here, on any page and for any action. ``section`` and ``place`` say where
    the menu shows the screen; ``area`` who sees it there (see :mod:`.entrance`), None meaning everybody who may enter.
    Before a new row and before each change the person shows again that it is them, unless the screen says otherwise
    with ``needs_fresh_sign_in``; its actions say it for themselves.
    """

    section: ClassVar[str] = "Publishing"
    place: ClassVar[int] = 0
    area: ClassVar[str | None] = None
    administrators_only: ClassVar[bool] = False
    needs_fresh_sign_in: ClassVar[bool] = True
    empty_text: ClassVar[str] = "There is nothing here yet."
    menu_name: ClassVar[str] = ""
    """What menu and list are called; empty for the things that are listed."""
    add_label: ClassVar[str] = ""
    """What adding a row is called; empty for a new thing."""
    stacks: ClassVar[bool] = False
    """Whether rows of the list are cards on a narrow screen, where their columns would lie outside it."""
    list_defer: ClassVar[Sequence[str]] = ()
    add_form: ClassVar[type[RefusableForm] | None] = None
    add_fieldsets: ClassVar[Any] = ()

    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by: ClassVar[tuple[str, ...]] = ()
    view_on_site = False

    # Rows and rights

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows that exist for the request's actor."""
        raise NotImplementedError

    def parts(self, request: HttpRequest) -> Sequence[Q]:
        """Conditions that exclude each other and together make up :meth:`rows`, each served by an index of the table.

        A list is driven by them, in the order of the rows; none are needed where :meth:`rows` itself is quick.
        """
        return ()

    def may_add(self, request: HttpRequest) -> bool:
        """Whether the page for a new row is open to the actor."""
        return False

    def may_change(self, request: HttpRequest) -> bool:
        """Whether rows that the actor sees are shown as a form."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of the request's actor."""
        return self.rows(request).order_by(*self.get_ordering(request))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """One of the actor's rows by its id, or None; no other field finds a row."""
        if isinstance(self.opts.pk, IntegerField) and object_id.isdecimal() and int(object_id) > _LARGEST_ID:
            return None
        return super().get_object(request, object_id)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the menu shows the screen."""
        return self.has_view_permission(request) and (self.area is None or self.area in entrance.areas_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the pages are open; which rows they show is decided by :meth:`rows`."""
        return not self.administrators_only or self.is_read_by(actor_of(request))

    def is_read_by(self, actor: Any) -> bool:
        """Whether a screen for administrators shows itself to ``actor``, who need not be one to look."""
        return bool(actor.reads_everything)

    def only_looks(self, request: HttpRequest) -> bool:
        """Whether the actor sees everything for their part in the instance, and so nothing here as one's own to change."""
        actor = actor_of(request)
        return bool(actor.changes_nothing or (actor.reads_everything and not actor.may_administer_instance))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """As :meth:`may_add`."""
        return self.has_view_permission(request) and not self.only_looks(request) and self.may_add(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As :meth:`may_change`."""
        return self.has_view_permission(request) and not self.only_looks(request) and self.may_change(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the screen has a deletion that the actor may start."""
        return self.deletion is not None and self._may(request, self.deletion)

    def has_administer_permission(self, request: HttpRequest) -> bool:
        """For actions on the rows that one sees; the service asks again, for each row."""
        return self.has_view_permission(request) and not self.only_looks(request)

    def has_secure_permission(self, request: HttpRequest) -> bool:
        """For actions that a security officer may take too, on rows that are not their own."""
        may_secure = bool(actor_of(request).may_secure)
        return self.has_view_permission(request) and (may_secure or not self.only_looks(request))

    def has_instance_permission(self, request: HttpRequest) -> bool:
        """For actions of administrators of the instance."""
        return bool(actor_of(request).may_administer_instance)

    # Writes

    def add_row(self, actor: Any, given: Mapping[str, Any]) -> Model:
        """Make a row of the form's values, by a service."""
        raise NotImplementedError

    def change_row(self, actor: Any, row: Any, given: Mapping[str, Any]) -> None:
        """Change ``row``, freshly read, by a service; ``given`` holds what the form changed."""
        raise NotImplementedError

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of a row or of a new one; looking at a row asks nothing of the person."""
        is_write = object_id is None or request.method == "POST"
        if self.needs_fresh_sign_in and is_write and (interruption := freshness.interruption(request)):
            return interruption
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Hand the form's values to a service.

        The form has written them into ``obj`` already, so a fresh row goes to the service, which compares old and new.
        """
        actor = actor_of(request)
        if not change:
            obj.__dict__.update(self.add_row(actor, form.cleaned_data).__dict__)
            return
        changed = {name: form.cleaned_data[name] for name in form.changed_data if name in form.cleaned_data}
        if changed:
            self.change_row(actor, self.rows(request).get(pk=obj.pk), changed)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Only inlines; the form's own relations are the service's."""
        for formset in formsets:
            self.save_formset(request, form, formset, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: Any) -> None:
        """A screen with inlines hands them to services."""
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Never reached: :meth:`delete_view` performs :attr:`deletion`."""
        raise NotImplementedError

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """As :meth:`delete_model`."""
        raise NotImplementedError

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Nothing: the service has written the audit row."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """As :meth:`log_addition`."""

    # Forms

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:  # noqa: FBT001, FBT002  Django's signature
        """The class that :meth:`form_for` chooses, with its fields."""
        options.setdefault("form", self.form_for(request, obj))
        return super().get_form(request, obj, change, **options)

    def form_for(self, request: HttpRequest, row: Any) -> type[RefusableForm]:
        """The form for a new row (None) may be another one than for an old one."""
        return self.add_form if row is None and self.add_form is not None else self.form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """As :meth:`form_for`."""
        if obj is None and self.add_fieldsets:
            return self.add_fieldsets
        return super().get_fieldsets(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new row has nothing that is fixed."""
        return super().get_readonly_fields(request, obj) if obj is not None else ()

    @property
    def adding(self) -> str:
        """What the button says that adds a row."""
        return self.add_label or f"New {self.opts.verbose_name}"

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> HttpResponse:
        """Titles that say the thing, and the row's buttons."""
        row = context["original"]
        context["title"] = str(row) if row is not None else self.adding
        context["list_title"] = capfirst(self.menu_name or self.opts.verbose_name_plural)
        context["save_label"] = self.add_label if row is None else ""
        context["subtitle"] = None
        context["kind"] = capfirst(self.opts.verbose_name)
        context["tools"] = self.tools(request, row) if row is not None else []
        context["related"] = self._links(request, row) if row is not None else []
        context["show_delete"] = False  # the button stands among the tools
        context["show_save_and_continue"] = False
        context["show_save_and_add_another"] = row is None and not self.add_label
        return super().render_change_form(request, context, *args, **options)

    def history_url(self, row: Any) -> str:
        """Where one reads what happened to the row; empty where nothing is kept."""
        return ""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The audit log and the change log are the history; only who may open the row is told the row's name."""
        row = self.get_object(request, unquote(object_id)) if self.has_view_permission(request) else None
        url = self.history_url(row) if row is not None else ""
        return HttpResponseRedirect(url or self._list_url())

    def _links(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        history = self.history_url(row)
        return [*self.related(request, row), *([("History", history)] if history else [])]

    def related(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        """Labels and addresses of lists that belong to the row."""
        return []

    # Lists

    def list_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Labels and addresses beside the title of the list."""
        return []

    def add_query(self, request: HttpRequest) -> str:
        """What follows the address of the page for a new row, so that a list that is narrowed begins its form so."""
        return ""

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[OpenEndedList]:
        """The list that does not count."""
        return OpenEndedList

    def enrich(self, rows: list[Any]) -> list[Any]:
        """Add to the rows of one page what takes a query for all of them together."""
        return rows

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only the screen's filters filter: a free lookup on any column could guess digests letter by letter."""
        forms_of = (entry for entry in self.list_filter if isinstance(entry, type) and issubclass(entry, FormFilter))
        single = {getattr(entry, "parameter_name", None) for entry in self.list_filter}
        return lookup in single.union(*(entry.names() for entry in forms_of))

    @property
    def media(self) -> forms.Media:
        """The script that ticks rows; pages work without it."""
        return forms.Media(js=["admin/js/actions.js"])


class ReadOnlyScreen(Screen):
    """Pages that only show."""

    needs_fresh_sign_in = False
