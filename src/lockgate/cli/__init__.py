"""The command line: one file per verb, loaded only when called. Data on stdout, talk on stderr."""
