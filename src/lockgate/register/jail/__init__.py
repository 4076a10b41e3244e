"""Runs in the parse jail: reads files that training made, and says what they are."""
