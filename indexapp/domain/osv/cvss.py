"""Base scores of CVSS 3 vectors, after the specification of CVSS 3.1, section 7.

Version 3.0 differs in its wording and in how it rounds; its vectors are scored by 3.1 too, as most tools do.
"""

from __future__ import annotations

from collections.abc import Mapping

_IMPACTS = {"H": 0.56, "L": 0.22, "N": 0.0}
_WEIGHTS: Mapping[str, Mapping[str, float]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "PR": {"N": 0.85, "L": 0.62, "H": 0.27},
    "UI": {"N": 0.85, "R": 0.62},
    "S": {"U": 0.0, "C": 1.0},
    "C": _IMPACTS,
    "I": _IMPACTS,
    "A": _IMPACTS,
}
"""The metrics of the base group, all of which a vector has to name."""
_PRIVILEGES_ELSEWHERE = {"N": 0.85, "L": 0.68, "H": 0.5}
"""What privileges weigh where the scope changes."""
_VERSIONS = ("CVSS:3.0/", "CVSS:3.1/")
_MOST = 10.0
_LONGEST = 300


def base_score(vector: str) -> float | None:
    """The base score, 0.0 to 10.0 in steps of 0.1; None for what is no whole vector of CVSS 3.

    Metrics of the temporal and the environmental group do not change the base score and are passed over.
    """
    if len(vector) > _LONGEST or not vector.startswith(_VERSIONS):
        return None
    metrics: dict[str, str] = {}
    for part in vector.split("/")[1:]:
        name, _, value = part.partition(":")
        if not value or name in metrics:
            return None
        metrics[name] = value
    if any(metrics.get(name) not in values for name, values in _WEIGHTS.items()):
        return None
    return _score(metrics)


def _score(metrics: Mapping[str, str]) -> float:
    weight = {name: values[metrics[name]] for name, values in _WEIGHTS.items()}
    is_changed = metrics["S"] == "C"
    if is_changed:
        weight["PR"] = _PRIVILEGES_ELSEWHERE[metrics["PR"]]
    lost = 1 - (1 - weight["C"]) * (1 - weight["I"]) * (1 - weight["A"])
    impact = 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15 if is_changed else 6.42 * lost
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * weight["AV"] * weight["AC"] * weight["PR"] * weight["UI"]
    return _rounded_up((impact + exploitability) * (1.08 if is_changed else 1.0))


def _rounded_up(score: float) -> float:
    """The smallest number with one decimal that is not below, in whole numbers as the specification's appendix A has it."""
    hundred_thousandths = round(min(score, _MOST) * 100_000)
    tenths, rest = divmod(hundred_thousandths, 10_000)
    return (tenths + bool(rest)) / 10
