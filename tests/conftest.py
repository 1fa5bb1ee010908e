"""For all tests."""

from __future__ import annotations

import signal

# Shells start background jobs with SIGINT ignored, and children inherit that: tests of Ctrl-C would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
