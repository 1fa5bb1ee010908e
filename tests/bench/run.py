"""Every bench in one run: `make bench`."""

from __future__ import annotations

import safety
import scaler
import stack
import tokenization

from bench.simulation import report as simulation


def main() -> None:
    stack.run()
    tokenization.run()
    safety.run()
    scaler.run()
    simulation.run()


if __name__ == "__main__":
    main()
