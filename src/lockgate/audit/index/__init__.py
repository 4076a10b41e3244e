"""Questions to the log of predictions, answered without reading all of it. What is here can be thrown away.

    segment      65,536 entries as one Parquet file of columns, made from verified entries and from nothing else
    manifest     the SHA-256 of each segment, kept outside `.lockgate`: only what this user made counts
    the tail     what lies behind the last full segment: read from the log each time

Trusts the log, and the folder in which the checkpoint last seen lies. Re-exports nothing.
"""
