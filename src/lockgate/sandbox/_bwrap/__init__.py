"""The launcher of level 3: bubblewrap, proved from inside."""
