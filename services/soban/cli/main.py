"""The `soban` command as a process: its streams, and what no verb can handle."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb and returns the exit code."""
    # gRPC's C core tells people, at level INFO, that a server said goodbye. It reads this when it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from soban.cli.command import run
    from soban.cli.console import Console, silence
    from soban.cli.failure import EXIT_BROKEN_PIPE, Failure

    try:
        return run(argv, Console.of_process())
    except BrokenPipeError:
        silence(sys.stdout)
        return EXIT_BROKEN_PIPE
    except OSError as err:
        silence(sys.stdout)
        failure = Failure("cannot read or write", "IO", err.strerror or str(err))
        sys.stderr.write(f"{failure}\n")
        return failure.exit_code
