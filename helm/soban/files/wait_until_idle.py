"""Keeps an engine's pod until nothing runs in it: URL METRIC SECONDS_AT_LEAST SECONDS_AT_MOST."""

import sys
import time
import urllib.request

url, metric, least, most = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])


def running():
    """Sum of the metric; an engine that cannot be asked is taken to run, and the grace bounds that."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 1.0
    return sum(float(line.split()[-1]) for line in lines if line.split("{")[0].split(" ")[0] == metric)


time.sleep(least)
end = time.monotonic() + most
while running() > 0 and time.monotonic() < end:
    time.sleep(1)
