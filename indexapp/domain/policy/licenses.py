"""Whether a licence expression can be satisfied with the licences that one may choose from (SPDX 2.3, annex D)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from tpi_site.kit.errors import Invalid

_TOKENS = re.compile(r"[()]|[^\s()]+")
_LONGEST = 1000  # characters of an expression, which is parsed by recursion
_MOST = 200


def known_expression(text: str) -> str:
    """``text`` as a canonical SPDX expression; empty where it is none, as the free text of an old field often is."""
    if not text or len(text) > _LONGEST or text.count("(") > _MOST:
        return ""
    try:
        return str(canonicalize_license_expression(text))
    except (InvalidLicenseExpression, RecursionError):
        return ""


def license_ids(texts: list[str]) -> tuple[str, ...]:
    """Licence ids as they are compared; raises :class:`Invalid` for what is no id."""
    found = []
    for text in texts:
        known = known_expression(text.strip())
        if not known or "(" in known or " OR " in known or " AND " in known:
            raise Invalid(
                f"{text[:80]!a} is no SPDX licence id; write for example MIT, or LicenseRef-... for your own."
            )
        found.append(known)
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=4096)
def is_satisfied(expression: str, ids: frozenset[str], *, are_allowed: bool) -> bool:
    """Whether choosing among ``OR`` one gets by with licences among ``ids`` (or, if not allowed, without all of them)."""

    def may(name: str) -> bool:
        folded = {one.lower() for one in ids}
        plain = name.lower().partition(" with ")[0].removesuffix("+")
        return ({name.lower(), plain} & folded != set()) == are_allowed

    return _either(iter([*_TOKENS.findall(expression), ")"]), may)


def _either(tokens: Iterator[str], may: Callable[[str], bool]) -> bool:
    """``a AND b OR c``, to the closing parenthesis."""
    any_of, all_of, name = False, True, ""

    def close() -> bool:
        return all_of and (may(name) if name else True)

    for part in tokens:
        word = part.upper()
        if part == ")":
            return any_of or close()
        if part == "(":
            all_of = _either(tokens, may) and all_of
        elif word == "AND":
            all_of, name = close(), ""
        elif word == "OR":
            any_of, all_of, name = any_of or close(), True, ""
        else:
            name = f"{name} {part}" if name else part  # ``GPL-2.0-only WITH Classpath-exception-2.0``
    return any_of or close()
