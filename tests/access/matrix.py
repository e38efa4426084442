"""Who may reach which address with which method: one row for each, and no address without one.

A row says who is let through.  Everybody else is told 401 without credentials and 403 with (pages send the former to
the sign-in page); who is let through may still be told that the body is wrong, never that they may not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.factories.cast import ROLES

EVERYBODY = frozenset(ROLES)
NOBODY: frozenset[str] = frozenset()
SIGNED_IN = EVERYBODY - {"anonymous"}
READERS = SIGNED_IN - {"outsider", "operator"}
UPLOADERS = frozenset({"uploader", "member", "maintainer", "team_admin", "administrator"})
ADMINS = frozenset({"team_admin", "administrator"})
ADMINISTRATOR = frozenset({"administrator"})
MAINTAINERS = ADMINS | {"maintainer"}
SEES_ALL = ADMINISTRATOR | {"auditor", "security_officer"}
WATCHERS = SEES_ALL | {"operator"}
OF_TEAM = MAINTAINERS | SEES_ALL | {"member"}
OF_INDEX = ADMINS | SEES_ALL
INSIDE = MAINTAINERS | WATCHERS
SECURES = ADMINISTRATOR | {"security_officer"}
OPERATES = ADMINISTRATOR | {"operator"}

NOW = datetime.now(tz=UTC)

Who = frozenset[str]
Body = Mapping[str, Any] | None


@dataclass(frozen=True)
class Row:
    """The methods of one address; the others are answered 405.

    ``kwargs`` fill its address; a value in braces is the key of something that the scene makes.
    """

    methods: Mapping[str, tuple[Who, Body]]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    denied: int = 403
    """What others than the named are told when they are signed in: 404 where a number would else tell what exists."""
    suffix: str = ""
    """Appended to the address, where the route takes more spellings than the one it reverses to."""
    answers: Mapping[str, int] = field(default_factory=dict)
    """By method, what those who are let through are told where it is not 2xx or 3xx; never what others are told."""
    by_password: bool = False
    """Whether people come with their password, because no token does what the address is for."""


def reads(who: Who, **kwargs: Any) -> Row:
    """An address that is only read."""
    return Row({"GET": (who, None)}, kwargs)


_INDEX = {"index": "main"}
_PROJECT = {**_INDEX, "project": "acme-tool"}
_RELEASE = {**_PROJECT, "version": "1.0"}
_FILE = {"filename": "{filename}"}
_PATH = {"path": "{path}"}
_REASON = {"reason": "a test"}


def _rest() -> dict[str, Row]:
    rows = {
        "api:root": reads(EVERYBODY),
        "api:schema": reads(EVERYBODY),
        "api:docs": reads(EVERYBODY),
        "api:users": Row(
            {"GET": (SIGNED_IN, None), "POST": (ADMINISTRATOR, {"username": "new", "password": "pine-cone-42"})}
        ),
        "api:user": Row(
            {
                "GET": (SEES_ALL, None),
                "PATCH": (ADMINISTRATOR, {"email": "a@tpi.example"}),
                "DELETE": (ADMINISTRATOR, None),
            },
            {"username": "bystander"},
        ),
        "api:user-password": Row(
            {"POST": (ADMINISTRATOR, {"password": "pine-cone-42"})}, {"username": "bystander"}, by_password=True
        ),
        "api:user-sessions": Row({"DELETE": (ADMINISTRATOR, None)}, {"username": "bystander"}),
        "api:teams": Row({"GET": (SIGNED_IN, None), "POST": (ADMINISTRATOR, {"name": "new"})}),
        "api:team": Row(
            {
                "GET": (OF_TEAM, None),
                "PATCH": (ADMINS, {"title": "Tools"}),
                "DELETE": (ADMINISTRATOR, None),
            },
            {"team": "tools"},
            answers={"DELETE": 409},  # it has a service account
        ),
        "api:members": Row(
            {"GET": (OF_TEAM, None), "POST": (ADMINS, {"user": "bystander", "role": "member"})},
            {"team": "tools"},
        ),
        "api:member": Row(
            {
                "GET": (OF_TEAM, None),
                "PATCH": (ADMINS, {"role": "maintainer"}),
                "DELETE": (ADMINS | {"member"}, None),
            },
            {"team": "tools", "username": "member"},
        ),
        "api:service-accounts": Row({"GET": (OF_TEAM, None), "POST": (ADMINS, {"name": "svc-new"})}, {"team": "tools"}),
        "api:service-account": Row(
            {"GET": (OF_TEAM, None), "PATCH": (ADMINS, {"is_active": False}), "DELETE": (ADMINS, None)},
            {"team": "tools", "username": "svc-build"},
        ),
        # A token of another person is nobody's to rotate, since its text would be in the answer.
        "api:token-rotate": Row({"POST": (frozenset(), {})}, {"id": "{token}"}, denied=404),
        "api:token-leaks": Row({"POST": (EVERYBODY, {"tokens": ["tpi_x"]})}),
        "api:tokens": Row({"GET": (SIGNED_IN, None), "POST": (SIGNED_IN, {"name": "t", "verbs": ["read"]})}),
        "api:token": Row({"GET": (SEES_ALL, None), "DELETE": (SECURES, None)}, {"id": "{token}"}, denied=404),
        "api:audit": reads(SEES_ALL),
        "api:audit-export": Row({"GET": (SEES_ALL, None)}, suffix="?format=csv"),
        "api:audit-entry": reads(SEES_ALL, id="{audit}"),
        "api:audit-sinks": Row(
            {
                "GET": (ADMINISTRATOR, None),
                "POST": (ADMINISTRATOR, {"name": "new", "kind": "file", "address": "new.jsonl"}),
            }
        ),
        "api:audit-sink": Row(
            {
                "GET": (ADMINISTRATOR, None),
                "PATCH": (ADMINISTRATOR, {"enabled": False}),
                "DELETE": (ADMINISTRATOR, None),
            },
            {"sink": "{sink}"},
        ),
        "api:audit-sink-test": Row({"POST": (ADMINISTRATOR, {})}, {"sink": "{sink}"}),
        "api:user-left-behind": Row({"GET": (ADMINISTRATOR, None)}, {"username": "bystander"}),
        "api:indexes": Row({"GET": (SIGNED_IN, None), "POST": (ADMINISTRATOR, {"name": "new"})}),
        "api:index": Row(
            {
                "GET": (READERS | {"operator"}, None),
                "PATCH": (ADMINS | {"operator"}, {"max_file_size": 1000}),
                "DELETE": (ADMINISTRATOR, None),
            },
            _INDEX,
            answers={"DELETE": 409},  # it holds a project
        ),
        "api:index-make-default": Row({"POST": (ADMINISTRATOR, {})}, _INDEX),
        "api:projects": Row({"GET": (READERS, None), "POST": (UPLOADERS, {"name": "brand-new"})}, _INDEX),
        "api:project": Row({"GET": (READERS, None), "DELETE": (ADMINS, None)}, _PROJECT),
        "api:project-archive": Row({"POST": (ADMINS, {})}, _PROJECT),
        "api:project-deprecate": Row({"POST": (ADMINS, _REASON)}, _PROJECT),
        "api:project-quarantine": Row({"POST": (ADMINS | SECURES, _REASON)}, _PROJECT),
        "api:project-clear": Row({"POST": (ADMINS, {})}, _PROJECT),
        "api:releases": reads(READERS, **_PROJECT),
        "api:release": Row({"GET": (READERS, None), "DELETE": (ADMINS, None)}, _RELEASE),
        "api:release-yank": Row({"POST": (ADMINS, _REASON)}, _RELEASE),
        "api:release-unyank": Row({"POST": (ADMINS, {})}, _RELEASE),
        "api:roles": Row(
            {
                "GET": (SIGNED_IN, None),
                "POST": (ADMINS, {"index": "main", "user": "bystander", "verbs": ["read"]}),
            }
        ),
        "api:role": Row({"GET": (ADMINS | SEES_ALL, None), "DELETE": (ADMINS, None)}, {"id": "{role}"}, denied=404),
        # About a member of the team; about others only ADMINS | SEES_ALL may ask, which the tests of explanations say.
        "api:rights": Row({"GET": (OF_TEAM, None)}, suffix="?user=member&index=main&verb=read"),
        "api:prefixes": Row(
            {"GET": (SIGNED_IN, None), "POST": (MAINTAINERS, {"prefix": "new", "team": "tools", "index": "main"})}
        ),
        "api:prefix": Row({"GET": (OF_TEAM, None), "DELETE": (MAINTAINERS, None)}, {"id": "{prefix}"}, denied=404),
        "api:changes": reads(SIGNED_IN),
        "api:nothing": Row({}, suffix="no-such-thing/"),
    }
    rows |= _directories()
    for below, kwargs in (("project", _PROJECT), ("release", _RELEASE)):
        rows[f"api:{below}-files"] = reads(READERS, **kwargs)
        rows[f"api:{below}-file"] = Row({"GET": (READERS, None), "DELETE": (ADMINS, None)}, {**kwargs, **_FILE})
        rows[f"api:{below}-file-yank"] = Row({"POST": (ADMINS, _REASON)}, {**kwargs, **_FILE})
        rows[f"api:{below}-file-unyank"] = Row({"POST": (ADMINS, {})}, {**kwargs, **_FILE})
    return rows


def _directories() -> dict[str, Row]:
    directory = {"directory": "corp"}
    new = {"name": "new", "hosts": "ldap.tpi.example", "user_base": "dc=tpi", "bind_dn": "cn=a", "bind_password": "b"}
    mapping = {"group_dn": "cn=devs,dc=tpi", "instance_role": "auditor"}
    return {
        "api:directories": Row({"GET": (WATCHERS, None), "POST": (ADMINISTRATOR, new)}),
        "api:directory": Row(
            {
                "GET": (WATCHERS, None),
                "PATCH": (ADMINISTRATOR, {"title": "Corp"}),
                "DELETE": (ADMINISTRATOR, None),
            },
            directory,
        ),
        "api:directory-test": Row({"POST": (OPERATES, {})}, directory),
        "api:directory-plan": Row({"POST": (OPERATES, {})}, directory),
        "api:directory-sync": Row({"POST": (OPERATES, {})}, directory),
        "api:directory-syncs": reads(WATCHERS, **directory),
        "api:directory-report": reads(WATCHERS, **directory, id="{sync}"),
        "api:directory-mappings": Row(
            {"GET": (WATCHERS, None), "POST": (ADMINISTRATOR, mapping)}, directory, by_password=True
        ),
        "api:directory-mapping": Row(
            {"GET": (WATCHERS, None), "DELETE": (ADMINISTRATOR, None)}, {**directory, "id": "{mapping}"}
        ),
        "api:alarms": reads(WATCHERS),
        "api:alarm": reads(WATCHERS, id="{alarm}"),
        "api:alarm-end": Row({"POST": (OPERATES | SECURES, {})}, {"id": "{alarm}"}),
    }


def _machine() -> dict[str, Row]:
    rows = {}
    for prefix, index in (("default-", {}), ("", _INDEX)):
        project = {**index, "project": "acme-tool"}
        rows |= {
            f"index:{prefix}root": Row({"GET": (READERS, None)}, index, suffix="/"),
            f"index:{prefix}page": reads(READERS, **project),
            f"index:{prefix}file": reads(READERS, **index, **_PATH),
            f"index:{prefix}project-json": reads(READERS, **project),
            f"index:{prefix}release-json": reads(READERS, **project, version="1.0"),
            f"index:{prefix}provenance": Row(
                {"GET": (READERS, None)},
                {**project, "version": "1.0", **_FILE},
                answers={"GET": 404},  # the file was published without one
            ),
            f"index:{prefix}listing": reads(READERS, **project),
            # The address tells everybody what it is for; uploading is another matter.
            f"index:{prefix}upload": Row(
                {"GET": (EVERYBODY, None), "POST": (UPLOADERS, None)}, index, answers={"POST": 400}
            ),
        }
    rows["index:package"] = reads(READERS, **_INDEX, **_PATH)
    return rows


MACHINE = (
    _rest()
    | _machine()
    | {
        "livez": reads(EVERYBODY),
        "readyz": reads(EVERYBODY),
        "metrics": reads(WATCHERS),
    }
)
"""Addresses of programs, which sign in with every request."""

PAGES = {
    "browse:home": EVERYBODY,
    "browse:search": SIGNED_IN,
    "browse:clients": SIGNED_IN,
    "browse:rights": SIGNED_IN,
    "browse:default-project": EVERYBODY,
    "browse:index": READERS,
    "browse:project": READERS,
    "browse:release": READERS,
    "account:sign-in": EVERYBODY,
    "account:theme": EVERYBODY,
    "account:profile": SIGNED_IN,
    "account:password": SIGNED_IN,
    "account:tokens": SIGNED_IN,
    "account:token-new": SIGNED_IN,
    "account:confirm": SIGNED_IN,
    "account:security": SIGNED_IN,
    "account:authenticator": SIGNED_IN,
    "account:authenticator-new": SIGNED_IN,
    "account:authenticator-remove": SIGNED_IN,
    "account:recovery-codes": SIGNED_IN,
    "account:sessions": SIGNED_IN,
    "admin:index": INSIDE,
}
"""Pages, which a browser session opens: who may see them by GET."""

PAGE_KWARGS = {"index": "main", "project": "acme-tool", "version": "1.0"}

POSTED_PAGES = {
    "account:sign-out",
    "account:token-revoke",
    "account:token-rotate",
    "account:session-end",
    "account:sessions-end-others",
    "account:sign-in-code",
    "account:sign-in-enrol",
}
"""Pages that act on a POST alone and on the actor's own things, or between two steps; their tests are beside their views."""


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
    "accounts_auditentry": Screen(INSIDE, SEES_ALL, has_history=False),
    "accounts_auditcheckpoint": Screen(SEES_ALL, SEES_ALL, has_history=False),
    "accounts_auditsink": Screen(
        SEES_ALL,
        ADMINISTRATOR,
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
        more={"test": WATCHERS},
    ),
    "accounts_groupmapping": Screen(WATCHERS, WATCHERS, adds=ADMINISTRATOR, actions={"delete": ADMINISTRATOR}),
    "accounts_directorysync": Screen(WATCHERS, WATCHERS, has_history=False),
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
