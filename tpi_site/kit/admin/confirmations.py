"""Actions that ask first: a page that says what will happen, perhaps takes a reason or a typed name, and a button.

The same action serves rows ticked in a list and the button on one row's page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import quote, unquote
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst

from tpi_site.kit.admin import freshness
from tpi_site.kit.admin.actions import Confirmation, ConfirmedAction, Tool
from tpi_site.kit.admin.entrance import actor_of
from tpi_site.kit.admin.refusals import ModelAdmin
from tpi_site.kit.errors import NotFound, Refusal

_CONFIRMED = "confirmed"
_MAX_ROWS = 200
_SHOWN_REFUSALS = 5


class Confirmations(ModelAdmin):
    """The pages of a screen's confirmed actions, and its deletion as one of them."""

    confirmed_actions: Sequence[ConfirmedAction] = ()
    deletion: ConfirmedAction | None = None

    def get_urls(self) -> list[URLPattern]:
        """One address more: an action on one row."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_do"
        view = self.admin_site.admin_view(self.do_view)
        return [path("<path:object_id>/do/<slug:action_name>/", view, name=name), *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The actions for ticked rows that the actor may start."""
        return {
            action.name: (self._starter(action), action.name, action.label)
            for action in self._all_actions()
            if action.is_bulk and self._may(request, action)
        }

    def _all_actions(self) -> list[ConfirmedAction]:
        return [*self.confirmed_actions, *([self.deletion] if self.deletion else [])]

    def _may(self, request: HttpRequest, action: ConfirmedAction) -> bool:
        return bool(getattr(self, f"has_{action.permission}_permission")(request))

    def _starter(self, action: ConfirmedAction) -> Callable[..., HttpResponse | None]:
        def start(screen: Confirmations, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
            return screen.confirm_many(request, action, queryset)

        return start

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> HttpResponse | None:
        """Start a list's action on the ticked rows, never on 'all pages'; ids that cannot be ids name no row."""
        posted = request.POST.copy()
        ticked = posted.getlist(helpers.ACTION_CHECKBOX_NAME)
        posted.setlist(helpers.ACTION_CHECKBOX_NAME, [value for value in ticked if _is_id(value)] or ["0"])
        posted["select_across"] = "0"
        request.POST = posted  # type: ignore[assignment]  # a copy of the same kind
        return super().response_action(request, queryset, *args)

    def confirm_many(
        self, request: HttpRequest, action: ConfirmedAction, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        """Ask, then do it to each row by itself: what is refused is said, the rest is done."""
        if action.asks_for_proof and (interruption := freshness.interruption(request)):
            return interruption
        rows = list(queryset[: _MAX_ROWS + 1])
        if not rows or len(rows) > _MAX_ROWS:
            text = f"Tick at most {_MAX_ROWS} rows." if rows else "What was ticked is not there any more."
            self.message_user(request, text, messages.WARNING)
            return None
        form = self._bound_form(request, action, rows)
        if form.is_bound and form.is_valid():
            self._do_many(request, action, rows, form.cleaned_data)
            return None
        if not any(action.offered(actor_of(request), row) for row in rows):
            text = f"'{action.label}' is not for what was ticked as it is now, or not for you."
            self.message_user(request, text, messages.WARNING)
            return None
        return self._page(request, action, rows, form, self._list_url())

    def _do_many(
        self, request: HttpRequest, action: ConfirmedAction, rows: Sequence[Model], given: Mapping[str, Any]
    ) -> None:
        names, refused = [str(row) for row in rows], []
        for row in rows:
            try:
                action.perform(actor_of(request), row, given)
            except Refusal as refusal:
                names.remove(str(row))
                refused.append(refusal.detail)
        if names:
            self.message_user(request, self._success(action, names), messages.SUCCESS)
        for sentence in dict.fromkeys(refused[:_SHOWN_REFUSALS]):
            self.message_user(request, sentence, messages.ERROR)
        if len(refused) > _SHOWN_REFUSALS:
            self.message_user(request, f"{len(refused)} in all were refused.", messages.ERROR)

    def do_view(self, request: HttpRequest, object_id: str, action_name: str) -> HttpResponse:
        """An action on one row."""
        action = next((found for found in self._all_actions() if found.name == action_name), None)
        if action is None or not self._may(request, action):
            raise NotFound("There is no such action here, or not for you.")
        return self._confirm_one(request, object_id, action)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Deletion is an action like the others, and the service decides what goes with the row."""
        if self.deletion is None or not self._may(request, self.deletion):
            raise NotFound("Nothing is deleted here, or not by you.")
        return self._confirm_one(request, object_id, self.deletion)

    def _confirm_one(self, request: HttpRequest, object_id: str, action: ConfirmedAction) -> HttpResponse:
        """Only who is offered the action is asked; a late answer is the service's to judge, and its refusal an error."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self.missing(request)
        form, is_offered = self._bound_form(request, action, [row]), action.offered(actor_of(request), row)
        is_answered = form.is_bound and form.is_valid()
        if not is_offered and not is_answered:
            raise NotFound(f"'{action.label}' is not for '{row}' as it is now, or not for you; look at its page.")
        if action.asks_for_proof and (interruption := freshness.interruption(request)):
            return interruption
        if is_answered:
            try:
                return self.carry_out(request, action, row, form.cleaned_data)
            except Refusal as refusal:
                if not is_offered:
                    raise
                form.add_error(None, refusal.detail)
        return self._page(request, action, [row], form, self._row_url(object_id))

    def carry_out(
        self, request: HttpRequest, action: ConfirmedAction, row: Any, given: Mapping[str, Any]
    ) -> HttpResponse:
        """Do it, say so, and go on."""
        name, there = str(row), self._list_url() if action.removes else self._row_url(quote(row.pk))
        action.perform(actor_of(request), row, given)
        self.message_user(request, self._success(action, [name]), messages.SUCCESS)
        return HttpResponseRedirect(action.leads_to(row) or there)

    def missing(self, request: HttpRequest) -> HttpResponse:
        """Say the same of what is not there and of what is not the actor's."""
        self.message_user(request, f"There is no such {self.opts.verbose_name} here (any more).", messages.WARNING)
        return HttpResponseRedirect(self._list_url())

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, *args: Any) -> HttpResponse:
        return self.missing(request)

    def _bound_form(self, request: HttpRequest, action: ConfirmedAction, rows: Sequence[Model]) -> Confirmation:
        confirmed = request.method == "POST" and _CONFIRMED in request.POST
        return action.form(request.POST if confirmed else None, rows=rows)

    def _success(self, action: ConfirmedAction, names: list[str]) -> str:
        if len(names) == 1:
            return f"{capfirst(self.opts.verbose_name)} '{names[0]}' was {action.done}."
        return f"{len(names)} {self.opts.verbose_name_plural} were {action.done}."

    def _page(
        self,
        request: HttpRequest,
        action: ConfirmedAction,
        rows: Sequence[Model],
        form: Confirmation,
        back_url: str,
    ) -> HttpResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": f"{action.label}: {rows[0]}" if len(rows) == 1 else action.label,
            "opts": self.opts,
            "action": action,
            "rows": rows,
            "extent": action.extent(rows[0]) if len(rows) == 1 else "",
            "form": form,
            "back_url": back_url,
            "list_url": self._list_url(),
            "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "in_list": "action" in request.POST,
        }
        return TemplateResponse(request, "admin/confirmation.html", context)

    def _list_url(self) -> str:
        return self._url("changelist")

    def _row_url(self, object_id: str) -> str:
        return self._url("change", object_id)

    def _url(self, view: str, *arguments: Any) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{view}"
        return reverse(name, args=arguments, current_app=self.admin_site.name)

    def tools(self, request: HttpRequest, row: Any) -> list[Tool]:
        """The buttons on the row's page."""
        return [
            Tool(action.label, self._url("do", quote(row.pk), action.name), action.is_dangerous)
            for action in self._all_actions()
            if self._may(request, action) and action.offered(actor_of(request), row)
        ]


def _is_id(value: str) -> bool:
    return value.isascii() and value.isdecimal() and int(value) < 2**63
