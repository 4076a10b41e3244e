"""A model that travels: to a registry and back, into a plain folder, and in from elsewhere."""

from __future__ import annotations

from lockgate.project.opened import Opened


class Carrying(Opened):
    """Push, pull, import."""
