"""A launcher of level 3 for machines that have rootless podman."""
