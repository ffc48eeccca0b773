# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves the simulator until it is interrupted: ``python -m simulator --port 8766``."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from . import Simulator
from .api import parse_json
from .settings import Settings

PORT = 8766


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help=f"0 chooses a free one (default: {PORT})")
    parser.add_argument("--rate-limit", help="requests/seconds for the key, 0 for no limit (default: 10/10)")
    parser.add_argument("--settings", type=Path, help="JSON file of settings, or with a key settings that holds them")
    parser.add_argument("--seed", type=int, default=0, help="how many people are invited already")
    options = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = read_settings(options.settings) if options.settings else {}
        if options.rate_limit is not None:
            settings["rate_limit"] = options.rate_limit
        Settings().changed(settings)
        simulator = Simulator(port=options.port, **settings)
    except (OSError, OverflowError) as error:
        sys.exit(port_error(options.port, error))
    except ValueError as error:
        sys.exit(str(error))
    simulator.seed(options.seed)
    with simulator:
        for name, value in simulator.environment.items():
            print(f"export {name}={value}", flush=True)
        stop.wait()


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a JSON file: an object of settings, or one whose key ``settings`` holds them.

    ``ValueError``, with a sentence, if there are none.
    """
    try:
        content = parse_json(path.read_bytes())
    except OSError as error:
        raise ValueError(f"Cannot read the settings file {path}: {error.strerror}.") from None
    except ValueError as error:
        raise ValueError(f"The settings file {path} is not valid JSON: {error}.") from None
    if isinstance(content, dict):
        content = content.get("settings", content)
    if not isinstance(content, dict):
        raise ValueError(f"The settings file {path} does not contain a JSON object of settings.")
    return content


def port_error(port: int, error: Exception) -> str:
    """Why the simulator cannot listen on a port, in one sentence."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use: choose another one, or 0 for a free one, as in make simulator PORT=0."
    reason = error.strerror if isinstance(error, OSError) else "a port is a number from 0 to 65535"
    return f"Cannot listen on port {port}: {reason}."


if __name__ == "__main__":
    main()
