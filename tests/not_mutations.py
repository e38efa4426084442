"""The services that take an actor and change nothing by themselves."""

from __future__ import annotations

NOT_MUTATIONS: dict[str, str] = {
    "accounts.services.alarms.ring": "the product's own doing, which nobody asks for",
    "accounts.services.audit.record": "writes the evidence of the others",
    "accounts.services.keys.status.status": "asks",
    "accounts.services.sessions.note_proof": "writes the evidence of what a view has checked",
    "accounts.services.refusals.note": "writes the evidence of what was refused",
    "accounts.services.directories.departures.end": "a part of a sync and of a sign-in, whose actor is the directory",
    "accounts.services.directories.departures.shut_out": "a part of a sync, whose actor is the directory",
    "accounts.services.directories.sync.asking.ask_plan": "puts a job on the queue, which asks again",
    "accounts.services.directories.sync.asking.ask_sync": "puts a job on the queue, which asks again and writes the evidence",
    "accounts.services.directories.sync.run.plan": "writes a report and changes nothing else",
    "accounts.services.directories.sync.run.run": "many changes, each with its evidence; needs a server to be called",
    "accounts.services.sessions.note_password": "writes the evidence of what a view has checked",
    "accounts.services.sign_in_limits.note_program": "writes the evidence of a password that was checked",
    "accounts.services.sessions.note_sign_in": "writes the evidence of what Django does",
    "tpi_site.services.doctor.examining.examine": "asks, and takes back what it tries out",
    "accounts.services.sessions.note_sign_out": "writes the evidence of what Django does",
    "accounts.services.token_leaks.report": "for whoever holds the secret; rings an alarm too, and has its own tests",
    "accounts.services.token_scopes.checked_indexes": "asks",
    "indexapp.services.role_holders.named": "asks, and writes down what fails",
    "indexapp.services.prefix_holders.named": "asks, and writes down what fails",
    "accounts.services.teams.person_named": "asks, and writes down what fails",
    "indexapp.services.integrity.checking.check": "what it finds is the storage's doing; its parts write the evidence",
    "indexapp.services.integrity.checking.check_one": "as check, for one content",
    "indexapp.services.integrity.quarantine.give_free": "the product's own doing, which nobody asks for; it has its own tests",
    "indexapp.services.integrity.quarantine.hold_back": "the product's own doing, which nobody asks for; it has its own tests",
    "indexapp.services.integrity.repair.repair": "a part of check, whose actor is the command; it has its own tests",
    "indexapp.services.changes.record": "writes the evidence of the others",
    "indexapp.services.downloads.note": "writes the evidence of downloads",
    "indexapp.services.projects.get_or_create": "a part of create and of uploads.accept, which write the evidence",
    "indexapp.services.uploads.recording.record": "a part of uploads.accept",
}
"""Functions of services that take an actor and are no mutation of their own, and why."""
