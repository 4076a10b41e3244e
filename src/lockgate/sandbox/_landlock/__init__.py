"""Landlock: the launcher of level 2, and a second refusal on top of bubblewrap where the kernel has it."""
