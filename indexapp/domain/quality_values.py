"""Lists of alternatives with weights, as in ``Accept`` and ``Accept-Encoding`` (RFC 9110, section 12.4.2)."""

from __future__ import annotations

import re

_WEIGHT = re.compile(r"0(?:\.[0-9]*)?|1(?:\.0*)?|\.[0-9]+")


def parse_weights(header: str) -> dict[str, float]:
    """Return each alternative in lower case with its weight from 0 to 1; one listed twice keeps its higher weight.

    Never raises.  An alternative with a weight that is no number from 0 to 1 is dropped, other parameters are ignored,
    and ``q=.2``, which old Java clients send, is read as meant.
    """
    weights: dict[str, float] = {}
    for element in header.split(","):
        name, *parameters = element.split(";")
        alternative = name.strip().lower()
        weight = _weight(parameters)
        if alternative and weight is not None:
            weights[alternative] = max(weight, weights.get(alternative, 0.0))
    return weights


def _weight(parameters: list[str]) -> float | None:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            return float(value.strip()) if _WEIGHT.fullmatch(value.strip()) else None
    return 1.0
