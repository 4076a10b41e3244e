"""Starts gateway, workers and sealer, each in a jail of its own; restarts each alone; ends them together.

The supervisor parses nothing from the network and runs no user code. It alone sees the key folder: the sealer's
key and the edge's secrets leave it through inherited sockets, once, to the one process that each is for.
"""

from __future__ import annotations

from lockgate.core.lazy import door

__all__ = ["serve"]

__getattr__ = door(__name__, {"serve": "lockgate.supervise.run"})
