# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common part of servers that tests script to the last byte."""

from __future__ import annotations

import contextlib
import socket
import threading


class Listener:
    """Listens on this host and runs ``serve`` in a thread, until the listening socket is shut down."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_failure):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def run(self):
        with contextlib.suppress(OSError):
            self.serve()
