from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.quality_values import parse_weights


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", {"gzip": 1.0}),
        ("GZip ; q=0.5 , br;Q=1.000", {"gzip": 0.5, "br": 1.0}),
        ("text/html;level=1;q=0.3", {"text/html": 0.3}),
        ("a;q=.2,b;q=0.,c;q=1.", {"a": 0.2, "b": 0.0, "c": 1.0}),
        ("a;q=0.2,a;q=0.7,a;q=0.3", {"a": 0.7}),
        ("a;q=,b;q=x,c;q=-1,d;q=1.1,e;q=nan,f;q=1e-1,g;q=\u0661,h", {"h": 1.0}),
        (",, ;q=1,", {}),
        ("", {}),
    ],
)
def test_weights(header, expected):
    assert parse_weights(header) == expected


@given(st.text())
def test_it_never_raises_and_weighs_between_nothing_and_one(header):
    assert all(0.0 <= weight <= 1.0 for weight in parse_weights(header).values())
