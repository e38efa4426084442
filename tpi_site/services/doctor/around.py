"""Directories, the audit log, alarms and the settings."""

from __future__ import annotations

from datetime import timedelta

from django.core import checks as django_checks
from django.utils import timezone

from accounts.models import Alarm, AuditCheckpoint, AuditEntry, AuditLink, Directory
from accounts.services import audit_delivery, nodes
from accounts.services.directories import checks
from tpi_site.services.doctor.findings import Verdict, failing, good, unused, warning

_CHECKPOINT = timedelta(minutes=30)
_LAGGING = 1000
"""Entries that a stream may be behind."""


def settings_of_the_installation() -> Verdict:
    """Django's and our system checks, those for deployment left to ``make check``."""
    found = django_checks.run_checks()
    errors = [message for message in found if message.is_serious() and not message.is_silenced()]
    if errors:
        return failing(_told(errors), str(errors[0].hint or "See docs/settings.md."))
    warnings = [m for m in found if m.level >= django_checks.WARNING and not m.is_silenced()]
    if warnings:
        return warning(_told(warnings), str(warnings[0].hint or "See docs/settings.md."))
    return good("Every setting can be used.")


def _told(messages: list[django_checks.CheckMessage]) -> str:
    return " ".join(f"{message.id}: {message.msg}" for message in messages[:5])


def other_nodes() -> Verdict:
    """Who else serves, and whether one can be told from this node by its name."""
    if same := nodes.namesakes():
        return warning(
            f"Another node has this one's name: {', '.join(node.name for node in same)}.",
            "Give each machine a host name of its own, so that lists and logs tell them apart.",
        )
    names = ", ".join(node.name for node in nodes.others())
    return good(f"These serve too: {names}.") if names else good("No other node serves.")


def directories() -> Verdict:
    """Each directory that is on, as its own test goes through it."""
    rows = list(Directory.objects.filter(enabled=True, removal=None))
    if not rows:
        return unused("No directory is on.")
    faults = []
    for row in rows:
        wrong = [step for step in checks.check(row).steps if step.is_good is False]
        faults += [f"'{row.name}', {step.name}: {step.sentence}" for step in wrong]
    if faults:
        return failing(" ".join(faults[:5]), "Test the directory in the console, which shows each step.")
    names = ", ".join(f"'{row.name}'" for row in rows[:10])
    return good(f"{names} let themselves be searched.")


def audit() -> Verdict:
    """Whether the log is signed from time to time and its streams keep up."""
    newest = AuditCheckpoint.objects.order_by("-size").first()
    if newest is None and not _has_old_entries_after(0):
        return good("The first entries wait for their checkpoint.")
    behind = [f"{name[0]} ({lag:.0f})" for name, lag in audit_delivery.figures().items() if lag > _LAGGING]
    if behind:
        return warning(f"These streams are behind: {', '.join(behind)} entries.", "See Audit sinks in the console.")
    if newest is None or _has_old_entries_after(newest.size):
        return failing(
            "The log has entries that no checkpoint has signed for half an hour.",
            "See that the job cluster runs, and that TPI_AUDIT_KEY can be read; 'manage.py audit_checkpoint' signs at once.",
        )
    return good(f"The last checkpoint is of {newest.made_at:%Y-%m-%d %H:%M} UTC.")


def _has_old_entries_after(size: int) -> bool:
    """Whether an entry that was written a while ago is beyond the first ``size`` of the chain."""
    old = AuditEntry.objects.filter(at__lt=timezone.now() - _CHECKPOINT).order_by("-at", "-pk").first()
    if old is None:
        return False
    link = AuditLink.objects.filter(entry_id=old.pk).first()
    return link is None or link.position > size


def alarms() -> Verdict:
    """What waits for a person already."""
    rows = list(Alarm.objects.filter(ended_at=None).order_by("-last_at")[:5])
    if rows:
        return warning(f"Alarms are open: {', '.join(str(row) for row in rows)}.", "See Alarms in the console.")
    return good("No alarm is open.")
