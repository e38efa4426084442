"""What is published about PyPI, and what of it the simulation has."""

from __future__ import annotations

from typing import Final

MEDIAN_SIZE: Final = 60_000.0
SIGMA: Final = 2.0
"""Of the logarithm of sizes: with the median above and the cap below files have half a megabyte on average."""
LARGEST: Final = 100_000_000.0
FLATTENED: Final = 20
"""The first ranks are nearly equal: of a wanted project there are many files (Mandelbrot's form of Zipf's law)."""
DAYS_TRAFFIC: Final = 175
"""How many times the bytes of all files go out in a day: 5.3 petabytes of some 30 terabytes."""
REGIONS: Final = (("us", 0.55), ("eu", 0.27), ("as", 0.18))
"""Regions and their part of all requests."""

PUBLISHED: Final = (
    (
        "projects with at least one release",
        "736,344",
        "piwheels' count of PyPI's names, 2026",
        "files are drawn, not projects",
    ),
    ("files", "about 16 million", "PyPI's own front page, early 2026", "60,000, one in some 270"),
    ("bytes of all files", "some tens of terabytes", "PyPI's own statistics page, 2025", "27 GB, with sizes as below"),
    (
        "bytes sent in a year",
        "1.92 exabytes, so 5.3 petabytes a day and 61 GB a second",
        "PyPI's review of the year 2025",
        "175 times the bytes of all files in a day, so some 50 MB a second",
    ),
    (
        "requests in a year",
        "2.56 trillion, so 81,000 a second",
        "PyPI's review of the year 2025",
        "portions of equal bytes, each of one file to one network: 700 in ten minutes",
    ),
    (
        "largest file",
        "100 MB unless somebody asks for more",
        "PyPI's help on limits",
        "sizes end there",
    ),
    (
        "size of a file",
        "half of all have less than about 60 kB, and few make most of the bytes",
        "the public data set of PyPI's files",
        "log-normal, median 60 kB, sigma 2",
    ),
    (
        "who wants what",
        "the most wanted project has one or two in a hundred downloads, the first hundred some 40 in a hundred",
        "the public data set of PyPI's downloads",
        "a file of rank r by 1 / (r + 20): the first one has 0.6 in a hundred requests, whatever its size",
    ),
    (
        "where from",
        "more than half from the United States, most of it from data centres",
        "the public data set of PyPI's downloads",
        "three regions with 55, 27 and 18 in a hundred; a wave of two fifths over the day",
    ),
)
"""Figure, value, who published it, and what the simulation has of it; rounded, and of different years."""
