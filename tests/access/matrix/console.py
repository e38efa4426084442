"""The screens of the console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.access.matrix.who import (
    ADMINISTRATOR,
    ADMINS,
    INSIDE,
    MAINTAINERS,
    NOBODY,
    OF_INDEX,
    OPERATES,
    SECURES,
    SEES_ALL,
    WATCHERS,
    Who,
)

NOW = datetime.now(tz=UTC)


@dataclass(frozen=True)
class Screen:
    """Who may do what on one screen of the console; what is not named is nobody's.

    Everybody else is turned away: sent to the sign-in page or to the list, or told 403 or 404.
    """

    lists: Who
    """Open the list; the rows in it are those that the person administers."""
    opens: Who
    """Open the row that the scene makes, and are led to its history where one is kept."""
    adds: Who = NOBODY
    changes: Who = NOBODY
    actions: Mapping[str, Who] = field(default_factory=dict)
    """Who is offered the confirmation of each action; the one named 'delete' has an address of its own besides."""
    before: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the scene's row must have, by the action that is else offered to nobody."""
    more: Mapping[str, Who] = field(default_factory=dict)
    """Addresses that only this screen has, by the last part of their names."""
    here: Mapping[str, Who] = field(default_factory=dict)
    """The same for addresses that are about no row."""
    has_history: bool = True


def _job() -> Screen:
    return Screen(WATCHERS, WATCHERS, has_history=False)


def _artefact() -> Screen:
    return Screen(
        INSIDE,
        OF_INDEX,
        actions={"yank": ADMINS, "unyank": ADMINS, "delete": ADMINS},
        before={"unyank": {"is_yanked": True}},
    )


SUFFIXES = ("changelist", "add", "change", "delete", "history", "do")
"""The addresses that each screen has, by the last part of their names."""

CONSOLE = {
    "accounts_user": Screen(
        SEES_ALL,
        SEES_ALL,
        adds=ADMINISTRATOR,
        changes=ADMINISTRATOR,
        actions={
            "set-password": ADMINISTRATOR,
            "disable": SECURES,
            "enable": ADMINISTRATOR,
            "promote": ADMINISTRATOR,
            "demote": ADMINISTRATOR,
            "end-sessions": SECURES,
            "remove-factor": SECURES,
            "delete": ADMINISTRATOR,
        },
        before={"enable": {"is_active": False}, "demote": {"is_superuser": True}},
        more={"leftbehind": SEES_ALL},
    ),
    "accounts_serviceaccount": Screen(
        INSIDE,
        MAINTAINERS | SEES_ALL,
        adds=ADMINS,
        changes=ADMINS,
        actions=dict.fromkeys(("disable", "enable", "delete"), ADMINS),
        before={"enable": {"is_active": False}},
    ),
    "accounts_team": Screen(
        INSIDE, MAINTAINERS | SEES_ALL, adds=ADMINS, changes=ADMINS, actions={"delete": ADMINISTRATOR}
    ),
    "accounts_membership": Screen(
        INSIDE,
        OF_INDEX,
        adds=ADMINS,
        changes=ADMINS,
        actions={"delete": ADMINS},
        has_history=False,
    ),
    # A token is made for oneself, so that whoever may enter may make one.
    "accounts_token": Screen(
        INSIDE,
        SEES_ALL,
        adds=MAINTAINERS | OPERATES,
        # The text of another person's token is nobody's to see.
        actions={"revoke": SECURES, "rotate": NOBODY},
    ),
    "indexapp_advisory": Screen(INSIDE, INSIDE, here={"exposed": INSIDE}, has_history=False),
    "indexapp_advisoryimport": Screen(WATCHERS, WATCHERS, has_history=False),
    "indexapp_mirrorsite": Screen(
        WATCHERS,
        WATCHERS,
        adds=ADMINISTRATOR,
        changes=ADMINISTRATOR,
        actions={"take-out": OPERATES, "put-back": OPERATES, "delete": ADMINISTRATOR},
        before={"put-back": {"state": "out"}},
    ),
    "indexapp_indexsending": Screen(WATCHERS, WATCHERS, adds=ADMINISTRATOR, changes=ADMINISTRATOR),
    "indexapp_backup": Screen(WATCHERS, WATCHERS, here={"now": OPERATES}, has_history=False),
    "indexapp_drill": Screen(WATCHERS, WATCHERS, has_history=False),
    "accounts_auditentry": Screen(INSIDE, SEES_ALL, has_history=False),
    "accounts_keyevent": Screen(
        SEES_ALL, SEES_ALL, here={"rotate": ADMINISTRATOR, "removekey": ADMINISTRATOR}, has_history=False
    ),
    "accounts_auditcheckpoint": Screen(SEES_ALL, SEES_ALL, has_history=False),
    "accounts_auditsink": Screen(
        SEES_ALL,
        SEES_ALL,
        adds=ADMINISTRATOR,
        changes=ADMINISTRATOR,
        actions={"test": ADMINISTRATOR, "delete": ADMINISTRATOR},
    ),
    "accounts_browsersession": Screen(SECURES, SECURES, actions={"end": SECURES}),
    "accounts_directory": Screen(
        WATCHERS,
        WATCHERS,
        adds=ADMINISTRATOR,
        changes=ADMINISTRATOR,
        actions={
            **dict.fromkeys(("plan", "sync", "accept-removals"), OPERATES),
            **dict.fromkeys(("disable", "enable", "delete"), ADMINISTRATOR),
        },
        before={"accept-removals": {"paused_at": NOW}, "enable": {"enabled": False}},
        more={"test": OPERATES},
    ),
    "accounts_groupmapping": Screen(WATCHERS, WATCHERS, adds=ADMINISTRATOR, actions={"delete": ADMINISTRATOR}),
    "accounts_directorysync": Screen(WATCHERS, WATCHERS, has_history=False),
    "accounts_readonlyperiod": Screen(WATCHERS, WATCHERS, adds=OPERATES, actions={"end": OPERATES}),
    "accounts_node": Screen(WATCHERS, WATCHERS, has_history=False),
    "indexapp_replica": Screen(
        WATCHERS,
        WATCHERS,
        adds=ADMINISTRATOR,
        actions=dict.fromkeys(("appoint", "dismiss", "revoke"), ADMINISTRATOR),
        before={"dismiss": {"may_take_over": True}},
        here={
            **dict.fromkeys(("join", "leave", "promote", "hold", "limit"), ADMINISTRATOR),
            **dict.fromkeys(("pause", "resume"), OPERATES),
        },
    ),
    "accounts_alarm": Screen(WATCHERS, WATCHERS, actions={"end": OPERATES | SECURES}),
    "indexapp_index": Screen(
        INSIDE,
        OF_INDEX | OPERATES,
        adds=ADMINISTRATOR,
        changes=ADMINS | OPERATES,
        actions={"make-default": ADMINISTRATOR, "delete": ADMINISTRATOR},
        before={"make-default": {"is_default": False}},
    ),
    "indexapp_project": Screen(
        INSIDE,
        OF_INDEX,
        adds=ADMINS,
        actions={
            **dict.fromkeys(("archive", "deprecate", "delete"), ADMINS),
            **dict.fromkeys(("quarantine", "clear"), ADMINS | SECURES),
        },
        before={"clear": {"status": "quarantined"}},
    ),
    "indexapp_release": _artefact(),
    "indexapp_file": _artefact(),
    "indexapp_role": Screen(
        INSIDE,
        OF_INDEX,
        adds=ADMINS,
        changes=ADMINS,
        actions={"delete": ADMINS},
    ),
    "indexapp_reservedprefix": Screen(
        INSIDE, MAINTAINERS | SEES_ALL, adds=MAINTAINERS, actions={"delete": MAINTAINERS}, has_history=False
    ),
    "indexapp_upstream": Screen(
        INSIDE, OF_INDEX | OPERATES, changes=ADMINS | OPERATES, more={"test": ADMINS | OPERATES}
    ),
    "indexapp_mirroredproject": Screen(
        INSIDE, OF_INDEX | OPERATES, actions={"refresh": ADMINS | OPERATES}, has_history=False
    ),
    "indexapp_merge": Screen(INSIDE, OF_INDEX, adds=SECURES, actions={"delete": SECURES}),
    "indexapp_mirroredfile": Screen(INSIDE, OF_INDEX, actions={"keep-ours": ADMINS | SECURES, "take-theirs": SECURES}),
    "indexapp_policyrule": Screen(
        INSIDE,
        OF_INDEX,
        adds=ADMINS | SECURES,
        changes=ADMINS | SECURES,
        actions=dict.fromkeys(("move", "delete"), ADMINS | SECURES),
        more={"dryrun": OF_INDEX},
    ),
    "indexapp_policyexception": Screen(INSIDE, OF_INDEX, adds=ADMINS | SECURES, actions={"revoke": ADMINS | SECURES}),
    "indexapp_policyhold": Screen(INSIDE, OF_INDEX, actions=dict.fromkeys(("approve", "reject"), ADMINS | SECURES)),
    "indexapp_quota": Screen(INSIDE, OF_INDEX | OPERATES, adds=OPERATES, changes=OPERATES, has_history=False),
    "indexapp_prefetchjob": Screen(
        INSIDE, ADMINS | WATCHERS, actions={"cancel": ADMINS}, here={"begin": ADMINS}, has_history=False
    ),
    "indexapp_mirrorplan": Screen(INSIDE, OF_INDEX, adds=ADMINS, changes=ADMINS, has_history=False),
    "indexapp_trashed": Screen(INSIDE, OF_INDEX, actions={"restore": ADMINS, "delete": ADMINS}),
    "indexapp_change": Screen(INSIDE, OF_INDEX, has_history=False),
    "django_q_ormq": _job(),
    "django_q_failure": _job(),
    "django_q_success": _job(),
    "django_q_schedule": _job(),
}
"""The screens of the console."""

CONSOLE_OWN = {
    "login",
    "logout",
    "password_change",
    "password_change_done",
    "autocomplete",
    "jsi18n",
    "view_on_site",
    "app_list",
}
"""The console's own addresses, which Django's admin guards by the same question as its first page."""
