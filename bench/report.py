"""Make a page, plots and the README's tables of the results.

    python bench/report.py             results/last.json -> results/report.html and PNG plots
    python bench/report.py --publish   the same, then last.json -> published.json -> the tables in README.md
    python bench/report.py --table     print what the README must hold for published.json

The README's tables are never typed; a test compares them with the committed results.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import results_file
from reporting.tables import STEPS, section, steps

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- bench -->\n", "<!-- /bench -->"
_NEEDED = ("micro", "whole", "writes", "rates")


def write_page(results: dict[str, Any]) -> None:
    """Write the page and the plots."""
    # Printing the table needs neither matplotlib nor any other package.
    from reporting import page, plots

    target = results_file.FOLDER / "report.html"
    target.write_text(page.build(results, list(plots.draw(results, results_file.FOLDER))))
    print(f"{target} and plots beside it")


def publish(results: dict[str, Any]) -> None:
    """Make results the committed ones and write the README's tables. An incomplete or quick run is refused."""
    missing = [suite for suite in _NEEDED if suite not in results]
    if len(steps(results)) <= len(STEPS):
        missing.append("steps of micro")
    quick = [suite for suite in results if results[suite]["about"]["quick"] and suite != "micro"]
    if missing or quick:
        raise SystemExit(f"not published: missing {missing}, from a quick run {quick}: run `make bench` first")
    results_file.PUBLISHED.write_text(results_file.dump(_trimmed(results)))
    text = README.read_text()
    if BEGIN not in text or END not in text:
        raise SystemExit(f"README.md lacks {BEGIN.strip()} or {END}")
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    README.write_text(marked.sub(lambda _: BEGIN + published_section() + END, text))
    print("README.md and results/published.json are new")


def published_section() -> str:
    """Return the README's section for the committed results."""
    return section(results_file.load(results_file.PUBLISHED))


def _trimmed(results: dict[str, Any]) -> dict[str, Any]:
    """Leave out the distributions, which only the page shows."""
    return {
        name: {
            key: [{field: told for field, told in row.items() if field != "distribution"} for row in value]
            if key == "rows"
            else value
            for key, value in suite.items()
        }
        for name, suite in results.items()
    }


def main() -> None:
    """Do what the options say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.table:
        print(published_section(), end="")
        return
    results = results_file.load(results_file.LAST)
    if not results:
        raise SystemExit("there are no results: run `make bench` first")
    write_page(results)
    if arguments.publish:
        publish(results)


if __name__ == "__main__":
    main()
