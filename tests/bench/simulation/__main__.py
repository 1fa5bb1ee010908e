"""`PYTHONPATH=tests python -m bench.simulation`: under two minutes on one core."""

from __future__ import annotations

from bench.simulation.report import run

if __name__ == "__main__":
    run()
