"""contract.cluster and contract.share: a cluster is reached by mutual TLS or not at all; a share is left as it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lockgate.contract.cluster import Cluster, check_address, cluster_of
from lockgate.contract.jail.spread import connected
from lockgate.contract.share import shown
from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError, Usage

GOOD = ["tls://10.0.0.1:8786", "tls://scheduler.example:1", "tls://[::1]:65535", "tls://a:8786"]
BAD = [
    *("tcp://10.0.0.1:8786", "10.0.0.1:8786", "tls://10.0.0.1", "tls://10.0.0.1:0", "tls://10.0.0.1:65536"),
    *("ws://a:1", "wss://a:1", "ucx://a:1", "inproc://a", "tls://a:1/x", "tls://a b:1", "tls://-a:1", "TLS://a:1"),
    *("tls://user@a:1", "tls://a:1\n", "tls://:1", ""),
]


@pytest.fixture(name="cluster")
def _cluster(tmp_path: Path) -> Cluster:
    for name in ("ca.pem", "cert.pem", "key.pem", "snapshot.parquet"):
        (tmp_path / name).write_text(name)
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "share").mkdir()
    ca, certificate, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    return Cluster(GOOD[0], ca, certificate, key, tmp_path / "share")


@pytest.mark.parametrize("address", GOOD)
def test_a_tls_address_is_taken(address: str) -> None:
    """tls://HOST:PORT, with a name or a number."""
    assert address == check_address(address)


@pytest.mark.parametrize("address", BAD)
def test_any_other_address_is_refused(address: str) -> None:
    """Above all plain tcp; nothing is guessed of what is missing."""
    with pytest.raises(Usage) as caught:
        check_address(address)
    assert caught.value.finding == "LG224"


def test_half_a_cluster_is_none() -> None:
    """Nothing said is no cluster; a missing certificate is named, and a wrong address before it."""
    assert cluster_of("", "", "", "", "") is None
    for said, missing in ((("", "a", "b", "c", "d"), "--cluster"), ((GOOD[0], "a", "", "c", "d"), "--cluster-cert")):
        with pytest.raises(Usage) as caught:
            cluster_of(*said)
        assert [missing] == caught.value.seen["missing"]
    with pytest.raises(Usage, match="no authentication"):
        cluster_of("tcp://10.0.0.1:8786", "", "", "", "")


def test_the_share_is_left_as_it_was(cluster: Cluster, tmp_path: Path) -> None:
    """The snapshot is there, by its digest, not for everybody, for as long as the block lasts, also when it fails."""
    snapshot = tmp_path / "snapshot.parquet"
    with shown(snapshot, cluster) as shared:
        assert shared.path.parent.parent == cluster.share
        assert digest_of(shared.path.read_bytes()) == shared.digest == digest_of(snapshot.read_bytes())
        assert (shared.path.stat().st_mode & 0o777, shared.path.parent.stat().st_mode & 0o777) == (0o640, 0o750)
    assert list(cluster.share.iterdir()) == []
    with pytest.raises(KeyError), shown(snapshot, cluster):
        raise KeyError
    assert list(cluster.share.iterdir()) == []


def test_files_that_are_not_there_are_named(cluster: Cluster, tmp_path: Path) -> None:
    """A missing file, a key that others can read, and a share that is no folder are refused before anything is sent."""
    snapshot = tmp_path / "snapshot.parquet"
    cluster.key.chmod(0o644)
    with pytest.raises(Usage, match="read by others"), shown(snapshot, cluster):
        pass
    cluster.key.unlink()
    with pytest.raises(Usage, match="is not a file"), shown(snapshot, cluster):
        pass
    cluster.key.touch(0o600)
    cluster.share.rmdir()
    with pytest.raises(Usage, match="not a folder"), shown(snapshot, cluster):
        pass


def test_without_dask_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has no `distributed` is told what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(LockgateError) as caught, connected(GOOD[0], tmp_path):
        pass
    assert (caught.value.finding, caught.value.next) == ("LG225", "pip install 'lockgate[cluster]'")


def test_files_that_fit_nothing_are_refused(cluster: Cluster, tmp_path: Path) -> None:
    """What is no PEM file is said before anybody is connected to."""
    for name, source in (("ca", cluster.ca), ("cert", cluster.certificate), ("key", cluster.key)):
        (tmp_path / f"cluster-{name}.pem").write_bytes(source.read_bytes())
    with pytest.raises(Usage) as caught, connected(GOOD[0], tmp_path):
        pass
    assert caught.value.finding == "LG224"


def test_dask_is_loaded_only_for_a_cluster() -> None:
    """The jail and the command line without a cluster do not pay for it."""
    program = "import sys, lockgate.validate.jail.check, lockgate.cli.validate, lockgate.validate.standalone\n"
    program += "sys.exit('distributed' in sys.modules or 'dask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
