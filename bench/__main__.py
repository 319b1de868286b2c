"""Run the measurements: all of them, or the ones that are named."""

import argparse
import platform
import sys
from collections.abc import Callable

from bench import functions, imports, layer, monitoring, rivals, story
from ops.console import out

PARTS: dict[str, tuple[str, Callable[[], bool]]] = {
    "imports": ("Import time of the shared package", imports.show),
    "layer": ("Size of Muster's layer", layer.show),
    "functions": (
        "Initialisation and warm answer of each function, in Lambda's runtime interface emulator",
        functions.show,
    ),
    "monitoring": ("The statistics of monitoring: speed, memory, cost", monitoring.show),
    "rivals": ("Evidently on the same columns, in an environment of its own", rivals.show),
    "story": ("The demo by step; transitions, Lambda and dollars of a train-to-deployed run", story.show),
}


def main() -> int:
    """Measure and print; the exit status says whether every stated bound holds."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one or more of {', '.join(PARTS)}; none: all")
    chosen = parser.parse_args().parts or list(PARTS)
    unknown = [each for each in chosen if each not in PARTS]
    if unknown:
        parser.error(f"found {', '.join(unknown)}, wanted {', '.join(PARTS)}")
    out.print(
        f"Python {platform.python_version()}, {platform.machine()}; times are medians of repeated runs on this machine."
    )
    kept = True
    for each in chosen:
        title, measure = PARTS[each]
        out.print(f"\n{title}", style="bold")
        kept &= measure()
    out.print("\nevery bound holds" if kept else "\na bound does not hold: see above")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
