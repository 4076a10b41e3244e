"""A model worker that takes a fixed time for each batch, whatever its rows.

    python -m bench.gateway_sleeper FD SECONDS

It speaks the worker's protocol (`lockgate.runtime.jail.worker`) and answers every row alike.
"""

from __future__ import annotations

import os
import socket
import sys
import time

from lockgate.core.digest import from_hex
from lockgate.core.table import pack_table
from lockgate.runtime import channel, serving
from lockgate.runtime.jail.worker import FILES, MAX_IO


def main(descriptor: int, seconds: float) -> None:
    """Answer until the other end closes."""
    with socket.socket(fileno=descriptor) as sock:
        received = channel.receive(sock, max_files=len(FILES))
        if received is None:
            return
        frame, files = received
        listed = frame.header["files"]
        spec = serving.parse(channel.read_sealed(files[1], from_hex(listed[1]["sha256"]), max_bytes=MAX_IO))
        for file in files:
            os.close(file)
        task = {"task": spec.task, "pid": os.getpid()}
        channel.send(sock, {"op": "ready", "model": listed[0]["sha256"], "io": listed[1]["sha256"], **task})
        types = spec.answer_types
        while (received := channel.receive(sock)) is not None:
            header = received[0].header
            rows = header["rows"]
            time.sleep(seconds)
            answer, payload = pack_table(types, [[True] * rows, *[[0.5] * rows] * (len(types) - 1)], rows)
            channel.send(sock, {"op": "answer", "id": header["id"], **answer}, payload)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
