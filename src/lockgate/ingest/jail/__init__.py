"""What talks to stores and databases: with a network or a database file, with one secret, without keys or log."""
