"""Audit entries in the forms that security tools read; an entry is the dict of ``audit_entries.plain``.

JSON as the export has it; CEF (ArcSight Common Event Format, version 0); OCSF 1.3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

PRODUCT, VENDOR = "Trusted Packaging Index", "TPI"
_OCSF = "1.3.0"
_BREAKS = re.compile(r"[\r\n\x00-\x1f\x7f]+")
_AUTHENTICATION, _ACCOUNT, _ENTITY, _API, _FILES = 3002, 3001, 3004, 6003, 6006
_OTHER = 99
_ACTS = {"create": 1, "issue": 1, "grant": 1, "ring": 1, "reserve": 1, "delete": 4, "revoke": 4, "release": 4}

Entry = Mapping[str, Any]


def as_json(entry: Entry) -> str:
    """One line of JSON."""
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))


def as_cef(entry: Entry) -> str:
    """One CEF line: pipes and backslashes of the header, equal signs and line breaks of the extension are escaped."""
    refused = entry["outcome"] == "refused"
    header = (VENDOR, PRODUCT, "1", entry["action"], f"{entry['action']} {entry['outcome']}", "6" if refused else "3")
    extension = {
        "rt": str(_milliseconds(entry)),
        "externalId": str(entry["position"]),
        "suser": entry["actor_name"],
        "suid": _text(entry["actor_id"]),
        "src": entry["address"],
        "act": entry["action"],
        "outcome": entry["outcome"],
        "reason": entry["reason"],
        "cs1Label": "objectType",
        "cs1": entry["object_type"],
        "cs2Label": "objectName",
        "cs2": entry["object_name"],
        "cs3Label": "requestId",
        "cs3": entry["request_id"],
        "cs4Label": "tokenKeyId",
        "cs4": entry["token_key_id"],
        "cs5Label": "method",
        "cs5": entry["method"],
        "cs6Label": "chainHash",
        "cs6": entry["hash"],
        "msg": as_json(entry["detail"]),
    }
    said = " ".join(f"{key}={_extension(value)}" for key, value in extension.items() if value)
    return f"CEF:0|{'|'.join(map(_header, header))}|{said}"


def as_ocsf(entry: Entry) -> str:
    """One line of JSON, an event of the class that fits the action."""
    class_uid, activity = _class_of(entry["action"])
    refused = entry["outcome"] == "refused"
    event = {
        "class_uid": class_uid,
        "category_uid": class_uid // 1000,
        "activity_id": activity,
        "type_uid": class_uid * 100 + activity,
        "severity_id": 3 if refused else 1,
        "status_id": 2 if refused else 1,
        "status_code": entry["reason"],
        "time": _milliseconds(entry),
        "message": f"{entry['actor_name']}: {entry['action']} {entry['object_name']}".strip(),
        "metadata": {
            "version": _OCSF,
            "product": {"name": PRODUCT, "vendor_name": VENDOR},
            "uid": str(entry["id"]),
            "sequence": entry["position"],
            "correlation_uid": entry["request_id"],
        },
        "actor": {"user": _user(entry)},
        "user": _user(entry),
        "src_endpoint": {"ip": entry["address"]},
        "api": {"operation": entry["action"], "request": {"uid": entry["request_id"]}},
        "entity": {"type": entry["object_type"], "name": entry["object_name"], "uid": _text(entry["object_id"])},
        "auth_protocol": entry["method"],
        "unmapped": {"detail": entry["detail"], "token_key_id": entry["token_key_id"], "chain_hash": entry["hash"]},
    }
    return as_json(event)


FORMATS: dict[str, Callable[[Entry], str]] = {"json": as_json, "cef": as_cef, "ocsf": as_ocsf}


def _class_of(action: str) -> tuple[int, int]:
    """The OCSF class and its activity."""
    noun, _, verb = action.partition(".")
    if noun in ("sign-in", "sign-out"):
        return _AUTHENTICATION, 1 if noun == "sign-in" else 2
    if noun == "file" and verb in ("upload", "delete"):
        return _FILES, 1 if verb == "upload" else 4
    if noun == "request":
        return _API, _OTHER
    if noun == "user":
        return _ACCOUNT, {"create": 1, "set-password": 3, "delete": 6}.get(verb, _OTHER)
    return _ENTITY, _ACTS.get(verb.partition("-")[0], 3)


def _user(entry: Entry) -> dict[str, str]:
    return {"name": entry["actor_name"], "uid": _text(entry["actor_id"])}


def _milliseconds(entry: Entry) -> int:
    at = datetime.strptime(entry["at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return int(at.timestamp() * 1000)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _header(text: str) -> str:
    return _BREAKS.sub(" ", text).replace("\\", "\\\\").replace("|", "\\|")


def _extension(text: str) -> str:
    return _BREAKS.sub("\\\\n", text.replace("\\", "\\\\").replace("=", "\\="))
