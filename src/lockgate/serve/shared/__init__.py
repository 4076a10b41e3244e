"""Limits that several gateways share, through a Redis server and leased slices.

Takes     what a client or a model may have in all, and what one gateway has spent of it
Gives     a slice to spend without asking; 503 or a smaller limit while the server cannot be reached, as policy says
Trusts    the supervisor's connection; of the server only its count: what it says is checked for form and size
Threats   model extraction
Evidence  none: rates and budgets are operational state
"""

from __future__ import annotations

from lockgate.core.lazy import door

__all__ = ["Shared"]

__getattr__ = door(__name__, {"Shared": "lockgate.serve.shared.shared"})
