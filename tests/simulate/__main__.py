"""``python -m tests.simulate``: print the report, or write it to a file; ``--seed`` gives another world."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.simulate import report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulate", description="Simulate mirror sites.")
    parser.add_argument("--seed", type=int, default=report.SEED, help="of another world")
    parser.add_argument("--sites", type=int, nargs="+", default=list(report.NUMBERS), help="how many there are")
    parser.add_argument("--to", type=Path, help="write it to this file, too")
    arguments = parser.parse_args()
    text = report.written(arguments.seed, arguments.sites)
    sys.stdout.write(text)
    if arguments.to:
        arguments.to.write_text(text)


if __name__ == "__main__":
    main()
