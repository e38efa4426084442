"""What may be set about a directory: each field with the word that people know it by."""

from __future__ import annotations

from typing import Final

LABELS: Final = {
    "title": "Title",
    "kind": "Kind",
    "enabled": "Enabled",
    "place": "Order",
    "hosts": "Hosts",
    "security": "Encryption",
    "ca_certificates": "CA certificates",
    "verify_certificate": "Check the server's certificate",
    "timeout": "Time limit",
    "bind": "Who binds",
    "bind_dn": "Bind account",
    "bind_password": "Bind account's password",
    "user_template": "Bind name of a person",
    "user_base": "Base of people",
    "user_filter": "Filter of people",
    "name_attribute": "Name attributes",
    "group_base": "Base of groups",
    "group_filter": "Filter of groups",
    "nesting": "Groups within groups",
    "only_mapped": "Only people of mapped groups",
    "page_size": "Page size",
    "removal_limit": "Most removals",
}
"""The labels of the console's form by the names of the fields, in the form's order.

The service, the console's form, the REST API and the variables of the environment take these fields and no others.
"""
