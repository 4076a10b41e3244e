"""The walk `examples/walks/query`, with the same rows in a real PostgreSQL server."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.shell import Shell
from tests.support.stores import postgres_server

pytest.importorskip("adbc_driver_postgresql", reason="pip install 'lockgate[postgresql]'")

BEFORE = Path(__file__).resolve().parents[2] / "examples" / "walks" / "query" / "before"
TABLES = """
create table customers (id int primary key, country text, since date);
create table orders (id int primary key, customer int, placed date, category text, price float8, items int, express int,
    returned bool);
"""
QUERY = """select o.placed, c.country, (o.placed - c.since)::float8 as days_known, o.category, o.price, o.items,
    o.express, o.returned
from orders o join customers c on c.id = o.customer where o.placed < '2025-11-01' order by o.id"""


def as_sql(table: str, rows: list[tuple[object, ...]]) -> str:
    """The rows as one statement."""
    said = ", ".join("(" + ", ".join(repr(each) for each in row) + ")" for row in rows)
    return f"insert into {table} values {said};"


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_rows_of_a_postgresql_server_make_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun with an export, then asked by the query at each run: the same rows, each accepted, and a model."""
    folder = tmp_path / "shop"
    shutil.copytree(BEFORE, folder)
    subprocess.run([sys.executable, "make_data.py"], cwd=folder, check=True, timeout=60)
    with postgres_server() as server:
        server.sql(TABLES)
        with sqlite3.connect(folder / "shop.db") as shop:
            for table in ("customers", "orders"):
                rows = [tuple(row) for row in shop.execute(f"select * from {table}")]
                rows = [(*row[:-1], bool(row[-1])) for row in rows] if table == "orders" else rows
                for begin in range(0, len(rows), 500):  # one argument of psql each
                    server.sql(as_sql(table, rows[begin : begin + 500]))
            found = shop.execute((folder / "returns.sql").read_text("utf-8"))
            names = [each[0] for each in found.description]
            lines = [",".join(map(str, row)) for row in found]
        server.sql("grant select on all tables in schema public to reader;")
        (folder / "rows.csv").write_text("\n".join([",".join(names), *lines]) + "\n")
        (folder / "returns.sql").write_text(QUERY)
        monkeypatch.setenv("SHOP_URL", server.url())

        shell = Shell(tmp_path)
        made = shell("init", ".", "--data", "rows.csv", "--label", "returned", at=folder)
        assert made.code == 0, made.err
        config = (folder / "lockgate.toml").read_text("utf-8")
        assert config.count('sources = ["rows.csv"]') == 1
        config = config.replace('sources = ["rows.csv"]', 'sources = ["sql:shop:returns.sql"]')
        (folder / "lockgate.toml").write_text(config + '\n[data.databases.shop]\nurl = "env:SHOP_URL"\n')
        (folder / "rows.csv").unlink()
        ran = shell("run", at=folder, timeout=600)
        assert (ran.code, ran.out) == (0, "shop@1\n"), ran.err
        assert f"{len(lines):,} kept + 0 quarantined" in ran.err
        assert server.url() not in ran.err + ran.out

        server.sql("insert into orders select id + 100000, customer, placed, category, price, items, express, returned"
                   " from orders where id <= 50;")  # fmt: skip
        again = shell("ingest", at=folder)
        assert f"{len(lines) + 50:,} rows" in again.err
