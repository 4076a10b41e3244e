"""`lockgate status` of a served project: growth, backlog and ends, from files as they lie."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lockgate.audit.spool import Spool
from lockgate.audit.tiles import RightEdge
from lockgate.core.checkpoint import Checkpoint
from lockgate.core.encoding import encode
from lockgate.project import growth, served_state
from lockgate.project.growth import DAY, End
from lockgate.serve.client_file import render_clients
from lockgate.serve.spec import Client
from tests.support.certificates import authority

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GATEWAY, OTHER = "a" * 16, "b" * 16


def test_a_rate_is_what_came_in_the_last_day() -> None:
    """1,000 records of 1 MB in half a day are 2,000 and 2 MB a day; 20 MB of disk last ten days."""
    found = growth.growth(records=5000, new_records=1000, new_bytes=1e6, seconds=DAY / 2, free_bytes=20_000_000)
    assert (found.records_per_day, found.bytes_per_day, found.days_left) == (2000, 2e6, 10)
    assert found.line() == "5,000 records, 2,000 records and 1.9 MiB a day; disk: 19.1 MiB free, full in 10 days"


def test_nothing_new_fills_no_disk() -> None:
    """No growth: no day on which the disk is full."""
    found = growth.growth(records=5000, new_records=0, new_bytes=0, seconds=DAY, free_bytes=1)
    assert (found.records_per_day, found.days_left) == (0, None)


def test_a_young_log_has_no_rate() -> None:
    """A minute of records is not multiplied by 1,440."""
    found = growth.growth(records=60, new_records=60, new_bytes=1e6, seconds=60, free_bytes=10)
    assert (found.records_per_day, found.bytes_per_day, found.days_left) == (None, None, None)
    assert "too early" in found.line()


@pytest.mark.parametrize(("since", "first"), [(0, 0), (1, 1), (2.5, 3), (9, 9), (10, 10)])
def test_the_first_since_is_found_by_halves(since: float, first: int) -> None:
    """The first of ten that is not before; ten when all are."""
    assert growth.first_since(10, float, since) == first


def test_ends_come_soonest_first_and_only_the_near_ones_are_shown() -> None:
    """What ended is shown too; what ends in a year is in --json alone."""
    found = growth.ends(
        [("far", NOW + timedelta(days=365)), ("gone", NOW - timedelta(days=1)), ("near", NOW + timedelta(days=12))], NOW
    )
    assert [one.what for one in found] == ["gone", "near", "far"]
    assert [one.line() for one in growth.soon(found)] == [
        "gone ended at 2026-02-28T12:00:00Z",
        "near ends in 12 days",
    ]


def record(gateway: str, seq: int, moment: datetime) -> bytes:
    """As much of a record as is looked at, in its size."""
    return encode({"gateway": gateway, "seq": seq, "time": int(moment.timestamp() * 1000), "pad": "x" * 300})


@pytest.fixture(scope="module", name="home")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,000 records, the last 300 of them within a day, and a spool with 5 more."""
    home = tmp_path_factory.mktemp("home")
    log = home / "log" / "predictions"
    moments = [NOW - timedelta(days=10, seconds=-i) for i in range(700)]
    moments += [NOW - timedelta(hours=2, seconds=-i) for i in range(300)]
    edge, files = RightEdge().grow([record(GATEWAY, i, moment) for i, moment in enumerate(moments)])
    for tile, data in files:
        (log / tile.path).parent.mkdir(parents=True, exist_ok=True)
        (log / tile.path).write_bytes(data)
    text = Checkpoint("origin", edge.size, edge.root).text()
    (log / "checkpoint").write_bytes(text + "\n\u2014 x AAAAAAAA\n".encode())
    spools = home / "state" / "spool"
    spools.mkdir(parents=True)
    with Spool(spools / f"{GATEWAY}.spool") as spool:
        spool.append([record(GATEWAY, i, NOW) for i in range(990, 1005)])
    with Spool(spools / f"{OTHER}.spool") as spool:
        spool.append([record(OTHER, 0, NOW)])
    return home


def project(home: Path, **serve: Any) -> Any:
    """As much of a project as is asked."""
    return SimpleNamespace(home=home, root=home, config=SimpleNamespace(serve=SimpleNamespace(tls={}, **serve)))


def test_the_log_is_counted_by_its_records_times(home: Path) -> None:
    """300 of 1,000 records within the day, some 400 bytes each; five wait, and one spool is nobody's."""
    found = served_state.served_state(project(home), NOW)
    assert found is not None
    assert (found.records, found.records_per_day) == (1000, 300)
    assert found.bytes_per_day == pytest.approx(300 * 410, rel=0.05)
    assert (found.unsealed, found.left_behind) == (5, 1)
    assert found.free_bytes > 0
    assert found.days_left == pytest.approx(found.free_bytes / (found.bytes_per_day or 0))


def test_what_cannot_be_read_gives_no_figures(home: Path, tmp_path: Path) -> None:
    """Never served, and a log of garbage: no figures, and no error. `verify` is there for that."""
    assert served_state.served_state(project(tmp_path), NOW) is None
    (tmp_path / "log" / "predictions").mkdir(parents=True)
    (tmp_path / "log" / "predictions" / "checkpoint").write_bytes(b"\x00garbage")
    assert served_state.served_state(project(tmp_path), NOW) is None
    assert served_state.served_state(project(home), NOW) is not None


@pytest.mark.parametrize("time", ["1" + "0" * 400, '"x"', "null", "[]"])
def test_a_record_with_a_strange_time_gives_no_figures(tmp_path: Path, time: str) -> None:
    """What is not verified may say anything."""
    entry = b'{"gateway":"a","seq":0,"time":' + time.encode() + b"}"
    edge, files = RightEdge().grow([entry])
    log = tmp_path / "log" / "predictions"
    for tile, data in files:
        (log / tile.path).parent.mkdir(parents=True, exist_ok=True)
        (log / tile.path).write_bytes(data)
    (log / "checkpoint").write_bytes(
        Checkpoint("origin", edge.size, edge.root).text() + "\n\u2014 x AAAAAAAA\n".encode()
    )
    assert served_state.served_state(project(tmp_path), NOW) is None


def client(name: str, **changes: Any) -> Client:
    """One who may ask."""
    made = Client(name, name[0].encode().hex()[0] * 64, "external", "2026-01-01T00:00:00Z", 1.0, 5)
    return replace(made, **changes)


def test_clients_and_roles_end(tmp_path: Path) -> None:
    """A client without an end, and one that is revoked, end nothing."""
    (tmp_path / "state").mkdir()
    clients = [
        client("ada", expires="2026-03-11T12:00:00Z", digest="1" * 64),
        client("bob", digest="2" * 64),
        client("eve", expires="2026-03-02T12:00:00Z", revoked="2026-02-01T00:00:00Z", digest="3" * 64),
    ]
    path = tmp_path / "state" / "clients.json"
    path.write_bytes(render_clients(clients))
    path.chmod(0o600)
    roles: Any = SimpleNamespace(expires=NOW + timedelta(days=3))
    assert served_state.ends_of(project(tmp_path), roles, NOW) == (
        End("the roles file", "2026-03-04T12:00:00Z", 3.0),
        End("client ada", "2026-03-11T12:00:00Z", 10.0),
    )
    roles.expires = None
    path.write_bytes(b"garbage")
    assert served_state.ends_of(project(tmp_path), roles, NOW) == ()


def test_the_certificate_ends(tmp_path: Path) -> None:
    """The first certificate of the file that [serve.tls] names; one that cannot be read ends nothing."""
    held = authority("ca", until=NOW + timedelta(days=40))
    held.write(tmp_path, "tls")
    served = project(tmp_path)
    served.config.serve.tls = {"certificate": "tls.pem"}
    roles: Any = SimpleNamespace(expires=None)
    assert [(one.what, round(one.days)) for one in served_state.ends_of(served, roles, NOW)] == [
        ("the TLS certificate", 40)
    ]
    served.config.serve.tls = {"certificate": "gone.pem"}
    assert served_state.ends_of(served, roles, NOW) == ()
