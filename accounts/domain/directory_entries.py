"""What a directory says about a person."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class DirectoryEntry:
    """A person's entry.

    ``key`` names the entry for ever (entryUUID, objectGUID), ``username`` is in the form in which accounts are named here,
    ``disabled`` whether the directory has locked the person out.
    """

    key: str
    dn: str
    username: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    disabled: bool = False


@dataclass(frozen=True)
class UnreadableEntry:
    """An entry of which nobody can be made; ``key`` and ``username`` are empty where they are what is wrong."""

    dn: str
    why: str
    key: str = ""
    username: str = ""


def account_name(text: str) -> str:
    """The user name of a directory as accounts here are named: one Unicode form (NFKC) and lower case.

    Directories compare names without case and without regard to the Unicode form (RFC 4518), so that two spellings are one
    person there and have to be one here.
    """
    return unicodedata.normalize("NFKC", text).casefold().strip()
