"""Make the example rows that `muster new` starts you with: ``python make_example.py``. Invented; replace them.

Three readings of a machine, and whether it failed within a week: the hotter, the more it shakes and the harder it works,
the likelier.
"""

import csv
import math
import random
from pathlib import Path

FILES = {"part1": 300, "holdout_reference": 200}
COLUMNS = ("row_id", "site", "temperature", "vibration", "load", "failed")


def main() -> None:
    """Write the files beside this script."""
    chance, number = random.Random(5), 0
    for name, count in FILES.items():
        with (Path(__file__).resolve().parent / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for _ in range(count):
                number += 1
                hot, shaking, load = 40 + 50 * chance.random(), 10 * chance.random(), chance.random()
                odds = 0.16 * (hot - 65) + 0.9 * (shaking - 5) + 3 * (load - 0.6)
                failed = chance.random() < 1 / (1 + math.exp(-odds))
                site = "north" if chance.random() < 0.5 else "south"
                row = (f"R{number:04d}", site, f"{hot:.1f}", f"{shaking:.2f}", f"{load:.2f}", "yes" if failed else "no")
                writer.writerow(row)


if __name__ == "__main__":
    main()
