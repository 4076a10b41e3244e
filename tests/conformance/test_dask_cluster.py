"""Rows judged by a real Dask cluster over mutual TLS: the verdicts of one process, and nobody else is talked to."""

from __future__ import annotations

import gc
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import AfterValidator, BaseModel, Field

pytest.importorskip("distributed", reason="distributed is not installed")

from lockgate.cli.main import run
from lockgate.contract.cluster import CA, CERTIFICATE, KEY
from lockgate.contract.jail import spread
from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.compile import compile_plan
from lockgate.contract.jail.engine import Engine
from lockgate.contract.jail.rows import Secrecy, Verdicts
from lockgate.contract.jail.sift import Sieve, sift_here
from lockgate.contract.jail.snapshot import Snapshot
from lockgate.contract.jail.spread import Spread, connected
from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError, Refused
from tests.support.cluster import Authority, RunningCluster, running_cluster
from tests.support.verdicts import LocalTruth, snapshot

CONTRACT = """
from datetime import date
from pydantic import BaseModel, Field

class Row(BaseModel):
    number: int = Field(ge=0)
    day: date
    word: str = Field(pattern="^w[0-9]+$")
    text: str
"""
ROWS = 40_000
GROUPS = 60


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("odd")
    return value


class Row(BaseModel):
    """What is judged in this process: a compiled field, and one for Python."""

    number: int = Field(ge=0)
    even: Annotated[int, AfterValidator(_even)]


@pytest.fixture(scope="module", name="cluster")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contract.py").write_text(CONTRACT)
    (tmp_path / "rows.csv").write_text("number,day,word,text\n1,2024-02-29,a,x\n-1,2024-02-30,bad,x\n")
    (tmp_path / "share").mkdir()
    return tmp_path


def validate(out: str, *more: str) -> int:
    """The command."""
    return run(["validate", "rows.csv", "--contract", "contract.py:Row", "--out", out, "--dates", "%d.%m.%Y", *more])


def _write_rows(path: Path) -> None:
    """A file of more than one unit: texts that do not compress, dates to respell, faults of each kind."""
    dice = random.Random(3)
    with path.open("w") as file:
        file.write("number,day,word,text\n")
        for row in range(ROWS):
            number = "-1" if row % 997 == 0 else "1_000" if row % 31 == 0 else str(row)
            word = "bad" if row % 1999 == 0 else f"w{row % 50}"
            day = "29.02.2023" if row % 1499 == 0 else "29.02.2024" if row % 3 else "2024-02-29"
            file.write(f"{number},{day},{word},{dice.randbytes(500).hex()}\n")


def test_verdicts_are_those_of_one_process(folder: Path, cluster: RunningCluster) -> None:
    """Accepted rows, reasons, counts and baseline of the command, jails and all, are the same bytes of values.

    The share is empty afterwards, and the report names the cluster.
    """
    _write_rows(folder / "rows.csv")
    assert validate("alone") == 0
    assert validate("spread", *cluster.options(folder / "share")) == 0
    for name in ("accepted.parquet", "quarantine.parquet"):
        alone, spread_out = (pq.read_table(folder / out / name) for out in ("alone", "spread"))
        assert alone.equals(spread_out, check_metadata=True)
    reports: list[dict[str, Any]] = [json.loads((folder / o / "report.json").read_bytes()) for o in ("alone", "spread")]
    assert cluster.address == reports[1].pop("cluster")
    assert reports[0] == reports[1]
    assert reports[0]["quarantined"] > 0
    assert all(reports[0]["paths"].values())
    assert list((folder / "share").iterdir()) == []


@pytest.mark.parametrize("option", ["tcp", "other authority", "their authority, our certificate"])
def test_who_is_not_of_the_cluster_is_refused(
    folder: Path, cluster: RunningCluster, capfd: pytest.CaptureFixture[str], option: str
) -> None:
    """Plain tcp is a wrong call; another authority's cluster is not believed, and does not believe us."""
    other = Authority(folder / "other")
    given = cluster.options(folder / "share")
    if option == "tcp":
        given[1] = given[1].replace("tls://", "tcp://")
    elif option == "other authority":
        given[3] = str(other.ca)
    else:
        given[5], given[7] = map(str, other.issue("client"))
    code, finding = (2, "LG224") if option == "tcp" else (1, "LG223")
    assert validate("out", *given, "--json") == code
    said = json.loads(capfd.readouterr().out)
    assert (finding, code) == (said["finding"], said["exit_code"])
    assert list((folder / "out").glob("*")) == list((folder / "share").iterdir()) == []


def test_a_client_without_tls_is_refused(cluster: RunningCluster) -> None:
    """What Dask itself does with a plaintext client: the scheduler of the example in the documents lets nobody in."""
    from distributed import Client

    # A client that is collected while another is made waits for a lock that its own thread holds.
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(OSError, match=r"."):
            Client(cluster.address.replace("tls://", "tcp://"), timeout=3, set_as_default=False)  # type: ignore[no-untyped-call]
    finally:
        gc.enable()


@pytest.mark.nightly  # Dask tries for forty seconds
def test_a_cluster_that_is_not_there(folder: Path, cluster: RunningCluster, capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody answers: exit 4, for it is nobody's fault."""
    given = cluster.options(folder / "share")
    given[1] = "tls://127.0.0.1:1"
    assert validate("out", *given, "--json") == 4
    assert json.loads(capfd.readouterr().out)["finding"] == "LG222"


def _files(folder: Path, authority: Authority) -> Path:
    """The three files as the jail sees them."""
    public, private = authority.issue("client")
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in {CA: authority.ca, CERTIFICATE: public, KEY: private}.items():
        (folder / name).write_bytes(path.read_bytes())
    return folder


def _refusal(address: str, files: Path) -> LockgateError:
    with pytest.raises(LockgateError) as caught, connected(address, files):
        pass
    return caught.value


def test_a_scheduler_is_who_its_certificate_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused: a certificate of the right authority for another host (Dask alone would take it); plain tcp behind tls.

    A scheduler without workers is away, not wrong: it was believed.
    """
    monkeypatch.setattr(spread, "CONNECT_SECONDS", 5)
    with (
        running_cluster(tmp_path / "right", workers=0) as right,
        running_cluster(tmp_path / "named", workers=0, named="127.0.0.9") as named,
        running_cluster(tmp_path / "plain", workers=0, plain=True) as plain,
    ):
        assert named.authority is not None
        assert right.authority is not None
        ours = _files(tmp_path / "files", right.authority)
        assert _refusal(right.address, ours).message.endswith("it has no workers")
        assert _refusal(named.address, _files(tmp_path / "other", named.authority)).finding == "LG223"
        assert _refusal(plain.address.replace("tcp://", "tls://"), ours).finding == "LG223"


def _verdicts(path: Path, sieve: Sieve) -> Iterator[Verdicts]:
    table = field_table(Row, None)
    plan, opened = compile_plan(Row, table), Snapshot(path)
    return Engine(opened, plan, table, LocalTruth(Row, table, plan, opened.kind, Secrecy()), sieve=sieve).verdicts()


def _joined(found: list[Verdicts]) -> tuple[pa.Table, pa.Table]:
    accepted = pa.Table.from_batches([each.accepted for each in found])
    return accepted.combine_chunks(), pa.Table.from_batches([each.quarantine for each in found]).combine_chunks()


def _many_groups(path: Path) -> Path:
    numbers = [row if row % 101 else -row for row in range(1000 * GROUPS)]
    snapshot(path, "parquet", {"number": numbers, "even": [row * 2 + (row % 777 == 0) for row in range(len(numbers))]})
    pq.write_table(pq.read_table(path), path, row_group_size=1000)
    return path


def _spread(client: Any, path: Path, **more: Any) -> Spread:
    plan = compile_plan(Row, field_table(Row, None))
    return Spread(client, plan, str(path), digest_of(path.read_bytes()), unit_bytes=1, **more)


@pytest.mark.nightly  # by day a worker that sees another file is refused, and two workers say what one process says
def test_a_worker_that_dies_changes_nothing(tmp_path: Path) -> None:
    """One of two workers is killed while units are under way: each verdict is there once, in order, the same.

    When the other one is gone too, the cluster is away, and no verdict is made up.
    """
    path = _many_groups(tmp_path / "snapshot.parquet")
    expected = _joined(list(_verdicts(path, sift_here)))
    with running_cluster(tmp_path / "cluster") as cluster:
        assert cluster.authority is not None
        with connected(cluster.address, _files(tmp_path / "files", cluster.authority)) as client:
            verdicts = _verdicts(path, _spread(client, path))
            found = [next(verdicts)]
            cluster.workers[0].kill()
            found += verdicts
            assert len(found) == GROUPS
            assert expected == _joined(found)
            verdicts = _verdicts(path, _spread(client, path, patience=4))
            next(verdicts)
            cluster.workers[1].kill()
            with pytest.raises(Refused) as caught:
                list(verdicts)
            assert caught.value.finding == "LG222"


def test_a_worker_that_sees_another_file_is_refused(cluster: RunningCluster, tmp_path: Path) -> None:
    """A share that shows other bytes, or none, gives no verdict, and says what the worker saw."""
    path = _many_groups(tmp_path / "snapshot.parquet")
    assert cluster.authority is not None
    with connected(cluster.address, _files(tmp_path / "files", cluster.authority)) as client:
        right = _spread(client, path)
        assert next(_verdicts(path, right)).accepted.num_rows > 0
        for number, place in enumerate((path, path.with_name("missing.parquet"))):
            wrong = replace(right, path=str(place), digest=digest_of(b"%d" % number))
            with pytest.raises(Refused, match="share") as caught:
                next(_verdicts(path, wrong))
            assert caught.value.finding == "LG226"
