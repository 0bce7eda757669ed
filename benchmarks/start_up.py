"""How long `import precepts` and `precepts --help` take, as ratios to a bare `python -c pass`: the same process start.

1. The three are started in turn, so that whatever else the machine does falls on all of them.
2. Printed: the median with the least and the most in milliseconds, and the ratio of the medians.

    python benchmarks/start_up.py --rounds 20
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import precepts": ("-c", "import precepts"),
    "import precepts.recipe": ("-c", "import precepts.recipe"),
    "precepts --help": ("-m", "precepts", "--help"),
}


def main() -> None:
    """Run it and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    for command in COMMANDS.values():  # what is compiled once, is
        _timed(command)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            times[name].append(_timed(command))
    bare = statistics.median(times["python -c pass"])
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"{name:24} {middle:4.0f} ms ({min(taken):.0f} to {max(taken):.0f})  ratio {middle / bare:.1f}")


def _timed(arguments: tuple[str, ...]) -> float:
    """Milliseconds that Python takes with these arguments."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
