"""Who a jail's processes are. Data."""

from __future__ import annotations

# Who the target is inside, and who it is to the kernel when the launcher is root: two numbers, so that
# neither can pass for the other, and the second one that no service of the host has.
NOBODY = 65534
OUTSIDE = 65533
HOSTNAME = "lockgate"
