"""A launcher of level 3 whose kernel is a program: gVisor."""
