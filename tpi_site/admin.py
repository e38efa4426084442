"""The console's screens of background jobs; they show what the queue holds and change nothing."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django_q.models import Failure, OrmQ, Schedule, Success

from tpi_site.kit.admin import ReadOnlyScreen, marks


class JobsScreen(ReadOnlyScreen):
    """Who runs the installation sees the jobs."""

    section = "Jobs"
    administrators_only = True

    def is_read_by(self, actor: Any) -> bool:
        """Operators too."""
        return bool(actor.sees_operation)

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        """All of the model's own manager."""
        found: QuerySet[Any] = self.model._default_manager.all()
        return found


@admin.register(OrmQ)
class WaitingScreen(JobsScreen):
    """Jobs that wait or run."""

    place = 10
    empty_text = "No job is waiting."
    list_display = ("id", "func", "state")
    ordering = ("id",)
    fieldsets = ((None, {"fields": ("id", "func", "state")}),)

    @admin.display(description="State")
    def state(self, row: Any) -> SafeString:
        """Waiting, or taken by a worker until a time."""
        return marks.joined("until", marks.badge(f"{row.lock:%F %T}")) if row.lock else marks.badge("waiting")


class DoneScreen(JobsScreen):
    """Jobs that ended."""

    list_display = ("name", "func", "begun", "ended", "attempt_count")
    list_defer = ("args", "kwargs", "result")
    search_fields = ("name", "func")
    ordering = ("-stopped", "pk")
    fieldsets = ((None, {"fields": ("name", "func", "begun", "ended", "attempt_count", "answer")}),)

    @admin.display(description="Began")
    def begun(self, row: Any) -> SafeString | str:
        """When the last attempt began."""
        return marks.when(row.started)

    @admin.display(description="Ended")
    def ended(self, row: Any) -> SafeString | str:
        """When it ended."""
        return marks.when(row.stopped)

    @admin.display(description="Answer")
    def answer(self, row: Any) -> SafeString | str:
        """What the job returned, or why it failed."""
        return marks.text_block(str(row.result)) if row.result is not None else marks.NOTHING


@admin.register(Failure)
class FailureScreen(DoneScreen):
    """Jobs that failed in their last attempt."""

    place = 20
    empty_text = "No job has failed."


@admin.register(Success)
class SuccessScreen(DoneScreen):
    """Jobs that went well; the queue keeps the last few hundred."""

    place = 30
    empty_text = "No job has ended yet."


@admin.register(Schedule)
class ScheduleScreen(JobsScreen):
    """Jobs that come again."""

    place = 40
    empty_text = "Nothing is scheduled."
    list_display = ("name", "func", "schedule_type", "following")
    ordering = ("next_run", "pk")
    fieldsets = ((None, {"fields": ("name", "func", "schedule_type", "cron", "minutes", "repeats", "following")}),)

    @admin.display(description="Next")
    def following(self, row: Any) -> SafeString | str:
        """When it runs next."""
        return marks.when(row.next_run)
