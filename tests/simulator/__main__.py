# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves the simulator until it is interrupted: ``python -m simulator --port 8123``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from . import Simulator


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=8123, help="0 chooses a free one")
    parser.add_argument("--rate-limit", default="10/10", help="requests/seconds for the key, 0 for no limit")
    parser.add_argument("--seed", type=int, default=0, help="how many people are invited already")
    options = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        simulator = Simulator(port=options.port, rate_limit=options.rate_limit)
    except (OSError, OverflowError):
        another = f"try another port, as in make simulator PORT={options.port + 1}"
        sys.exit(f"Port {options.port} of 127.0.0.1 cannot be served; another program may use it: {another}.")
    except ValueError as error:
        sys.exit(str(error))
    simulator.seed(options.seed)
    with simulator:
        for name, value in simulator.environment.items():
            print(f"export {name}={value}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
