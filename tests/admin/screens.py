"""What the tests know of the console's screens."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.forms import BaseForm
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from accounts.models import AuditEntry, DirectorySync, Membership, Team, Token, User
from indexapp.models import Change, File, Index, Project, Release, ReservedPrefix, Role


@dataclass(frozen=True)
class Side:
    """One row of everything."""

    admin: User
    member: User
    team: Team
    index: Index
    project: Project
    release: Release
    file: File
    role: Role
    prefix: ReservedPrefix
    token: Token
    membership: Membership

    @property
    def rows(self) -> dict[str, Model]:
        """A row for each screen that others than administrators see; the words are those of :data:`ACTIONS`."""
        names = ("team", "index", "project", "release", "file", "role", "prefix", "token", "membership")
        found: dict[str, Model] = {name: getattr(self, name) for name in names}
        found["change"] = Change.objects.filter(index_name=self.index.name).order_by("pk")[0]
        found["audit"] = AuditEntry.objects.filter(object_type="team", object_name=self.team.name).order_by("pk")[0]
        return found


SCREENS = ("team", "index", "project", "release", "file", "role", "prefix", "token", "membership", "change", "audit")
ACTIONS = {
    "team": ["delete"],
    "index": ["make-default", "delete"],
    "project": ["archive", "deprecate", "quarantine", "clear", "delete"],
    "release": ["yank", "unyank", "delete"],
    "file": ["yank", "unyank", "delete"],
    "role": ["delete"],
    "prefix": ["delete"],
    "token": ["revoke", "rotate"],
    "membership": ["delete"],
}
"""What can be done to one row, by the screen's word."""

INDEX = {"project_creation": "uploaders", "profile": "enterprise", "allow_passwords": "on"}
"""What the form of an index sends when nothing was changed."""

NO_MEMBERS = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
"""An empty table of a team's members."""


DIRECTORY = {
    "title": "Head office",
    "kind": "ldap",
    "enabled": "on",
    "place": "0",
    "hosts": "127.0.0.1:1",
    "security": "ldaps",
    "ca_certificates": "",
    "verify_certificate": "on",
    "timeout": "5",
    "bind": "account",
    "bind_dn": "cn=tpi,dc=tpi",
    "new_bind_password": "",
    "user_template": "",
    "user_base": "ou=people,dc=tpi",
    "user_filter": "",
    "name_attribute": "",
    "group_base": "",
    "group_filter": "",
    "nesting": "walk",
    "page_size": "500",
    "removal_limit": "20",
}
"""What the form of a directory sends."""
SECRET = "the service's password"
"""The bind password of directories that answer nobody."""


def address(row: Model | type[Model], view: str = "change", *arguments: str) -> str:
    """The console's page of a row, or of its model with ``changelist`` and ``add``."""
    options = row._meta
    keys: list[Any] = [] if view in ("changelist", "add") else [row.pk, *arguments]  # type: ignore[union-attr]
    return reverse(f"admin:{options.app_label}_{options.model_name}_{view}", args=keys)


def do(client: Client, row: Model, action: str, **fields: Any) -> HttpResponse:
    """Confirm an action on one row; the answer is that of the page one is led to."""
    return client.post(address(row, "do", action), {"confirmed": "yes", **fields}, follow=True)


def do_many(client: Client, action: str, *rows: Model, **fields: Any) -> HttpResponse:
    """Confirm an action on ticked rows."""
    ticked = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(address(type(rows[0]), "changelist"), {**ticked, "confirmed": "yes", **fields}, follow=True)


def messages(response: HttpResponse) -> list[str]:
    """What the page tells the person."""
    return [str(message) for message in response.context["messages"]]


def errors(response: HttpResponse) -> str:
    """What the form's errors say, on a page that shows the form again."""
    assert response.status_code == 200
    if "adminform" not in response.context:
        return _sentences(response.context["form"])
    forms = [form for inline in response.context["inline_admin_formsets"] for form in inline.formset]
    return " ".join(map(_sentences, [response.context["adminform"].form, *forms]))


def refusal(response: HttpResponse) -> str:
    """What somebody is told who is not offered what they ask for, so that no page shows it."""
    assert response.status_code in {400, 403, 404, 409}
    return str(json.loads(response.content)["detail"])


def _sentences(form: BaseForm) -> str:
    return " ".join(" ".join(map(str, found)) for found in form.errors.values())


def members_row(number: int, *, total: int, initial: int = 0, **fields: object) -> dict[str, object]:
    """One row of the members' table, with the counts that say how many there are."""
    counts = {"memberships-TOTAL_FORMS": total, "memberships-INITIAL_FORMS": initial}
    return {**counts, **{f"memberships-{number}-{name}": value for name, value in fields.items()}}


def buttons(browser: Client, row: Model) -> set[str]:
    """The actions that a row's page offers."""
    return set(re.findall(r"/do/([a-z-]+)/", browser.get(address(row)).content.decode()))


def asked(browser: Client, row: Model, action: str, capture: Any, **fields: str) -> Any:
    """The answer, and the arguments of the job that waits."""
    with capture(execute=True):
        answer = do(browser, row, action, **fields)
    [waiting] = OrmQ.objects.all()
    job = waiting.task
    waiting.delete()
    assert job["func"] == "accounts.tasks.sync_directory"
    assert messages(answer)[0].startswith("Directory 'corp' was put on the queue")
    assert answer.redirect_chain[-1][0] == f"{address(DirectorySync, 'changelist')}?directory=corp"
    return job["args"]
