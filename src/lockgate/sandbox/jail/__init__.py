"""What runs inside a jail before, and around, untrusted code. Standard library only."""
