"""The client of an upstream simple repository: what the rest of the index app uses of this room."""

from __future__ import annotations

from indexapp.clients.addresses import UpstreamAddress
from indexapp.clients.downloads import FileAnswer, fetch_small, open_file
from indexapp.clients.failures import Failure, UpstreamFailed
from indexapp.clients.files import UpstreamFile
from indexapp.clients.lists import ListedProject, ProjectNames, fetch_changed_names, fetch_project_names
from indexapp.clients.pages import Missing, NotModified, Page, PageAnswer, fetch_page
from indexapp.clients.trial import Trial, flaw, test

__all__ = [
    "Failure",
    "FileAnswer",
    "ListedProject",
    "Missing",
    "NotModified",
    "Page",
    "PageAnswer",
    "ProjectNames",
    "Trial",
    "UpstreamAddress",
    "UpstreamFailed",
    "UpstreamFile",
    "fetch_changed_names",
    "fetch_page",
    "fetch_project_names",
    "fetch_small",
    "flaw",
    "open_file",
    "test",
]
