"""Downloads a model before its engine starts: `python -m soban.generation.fetch -c soban.yaml --model NAME --to DIR`.

For init containers. `hf://owner/repo/file.gguf` comes as DIR/file.gguf, with further parts if there are any;
`hf://owner/repo` comes as DIR with the files of the repository. The path is written to standard output.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from soban.generation.engines.keys import FileKey
from soban.generation.first_process import end_at_signal
from soban.generation.hub import HUB, Folder, download, download_repository, place_of
from soban.runtime.config import ConfigError, load_config
from soban.runtime.logs import configure_logging


def main(argv: list[str]) -> None:
    """Arguments, configuration, download. Raises ConfigError. A signal ends it; the next run goes on from there."""
    arguments = _parsed(argv)
    config = load_config(arguments.config)
    configure_logging("fetch")
    model = config.model(arguments.model)
    token = FileKey(arguments.model, arguments.token_file)() if arguments.token_file else None
    key = f"models.{arguments.model}.url"
    if not model.url.startswith(HUB):
        raise ConfigError(key, f"is nothing to download: {model.url}")
    place, folder = place_of(key, model.url), Folder(arguments.to, token)
    path = download(key, place, folder) if place.file else download_repository(key, place, folder)
    sys.stdout.write(f"{path}\n")


def _parsed(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m soban.generation.fetch",
        description="Downloads the model NAME of the configuration into a folder, and writes where it is.",
        epilog="HF_ENDPOINT names a mirror. Exit codes: 0 it is there, 2 wrong arguments, configuration or no access.",
    )
    parser.add_argument("-c", "--config", metavar="FILE", help="soban.yaml")
    parser.add_argument("--model", metavar="NAME", required=True)
    parser.add_argument("--to", metavar="DIR", type=Path, required=True)
    parser.add_argument(
        "--token-file", metavar="FILE", type=Path, help="holds the hub's token; without it none is sent"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    end_at_signal()
    try:
        main(sys.argv[1:])
    except ConfigError as err:
        sys.stderr.write(f"soban: {err}\n")
        sys.exit(2)
