"""Honest code at the jail's edges: a limit says its own name, and workers, shared memory and caches just work."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.errors import Refused
from lockgate.sandbox.settings import Limits, PythonEnv
from lockgate.train.jails import Trained, run_training, train_settings
from lockgate.train.machine import surroundings

MIB = 1 << 20

EDGES = {
    "shared memory is full": (
        (
            "from multiprocessing.shared_memory import SharedMemory\n"
            "block = SharedMemory(create=True, size=16 << 20)\nblock.buf[:] = bytes(16 << 20)\n"
        ),
        Limits(shm_bytes=8 * MIB),
        ("LG375", "shm", ""),
    ),
    "shared memory is full in a worker": (
        (
            "from concurrent.futures import ProcessPoolExecutor\n"
            "from multiprocessing import get_context\nfrom multiprocessing.shared_memory import SharedMemory\n"
            "def work(_):\n    block = SharedMemory(create=True, size=16 << 20)\n    block.buf[:] = bytes(16 << 20)\n"
            "with ProcessPoolExecutor(1, get_context('fork')) as pool:\n    list(pool.map(work, [1]))\n"
        ),
        Limits(shm_bytes=8 * MIB),
        ("LG375", "shm", ""),
    ),
    "scratch space is full": (
        "open('/tmp/x', 'wb').write(bytes(8 << 20))\n",
        Limits(tmp_bytes=4 * MIB),
        ("LG319", "raise tmp in", "at script.py:1"),
    ),
    "a file is too large": (
        "open('/tmp/x', 'wb').truncate(1 << 40)\n",
        Limits(),
        ("LG319", "raise out and tmp in", "at script.py:1"),
    ),
    "too many open files": (
        "import builtins\nbuiltins.held = []\nwhile True: builtins.held.append(open('/dev/null'))\n",
        Limits(files=128),
        ("LG376", "raise descriptors in", "at script.py:3"),
    ),
    "too many threads": (
        (
            "import threading, time\n"
            "for _ in range(400):\n    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        ),
        Limits(tasks=40),
        ("LG322", "raise tasks in", "at script.py:3"),
    ),
    "a refused call": ("import os\nos.chroot('/tmp')\n", Limits(), ("LG377", "LG377", "at script.py:2")),
}

WORKERS = """
import multiprocessing, os, tempfile
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

def square(n):
    return n * n

def fill(name):
    block = SharedMemory(name)
    block.buf[0] = 7
    block.close()

if __name__ == "__main__":
    for way in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(way).Pool(2) as pool:
            print(way, pool.map(square, range(4)))
    block = SharedMemory(create=True, size=16 << 20)
    process = multiprocessing.Process(target=fill, args=(block.name,))
    process.start()
    process.join()
    print("shared", block.buf[0])
    block.close()
    block.unlink()
    from joblib import Parallel, delayed
    print("loky", Parallel(n_jobs=-1)(delayed(square)(n) for n in range(4)))
    for place in ("XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "HF_HOME"):
        Path(os.environ[place]).mkdir(parents=True, exist_ok=True)
        (Path(os.environ[place]) / "probe").write_text("x")
    (Path.home() / ".config/matplotlib").mkdir(parents=True)
    (Path.home() / ".config/matplotlib/matplotlibrc").write_text("x")
    print("offline", os.environ["WANDB_MODE"], os.environ["HF_HUB_OFFLINE"], os.environ["MLFLOW_TRACKING_URI"][:5])
    Path(os.environ["LOCKGATE_OUT"], "model.onnx").write_bytes(b"x")
"""


def _run(tmp_path: Path, script: str, limits: Limits) -> Trained:
    job = tmp_path / "job"
    job.mkdir(mode=0o755)
    (job / "script.py").write_text(script)
    (job / "script.py").chmod(0o444)
    settings = train_settings(PythonEnv.own(), limits, job, None, surroundings(0, limits))
    task: dict[str, object] = {"script": "script.py", "seed": 0, "params": {}}
    return run_training(settings, "lockgate.train.jail.fit", task, tmp_path / "out", least=3, say=lambda _: None)


@pytest.mark.parametrize("edge", EDGES)
def test_a_limit_says_its_own_name(tmp_path: Path, edge: str) -> None:
    """Not a bare signal or error number: the finding of this limit, the setting that mends it, the line if any."""
    script, limits, (finding, says, where) = EDGES[edge]
    with pytest.raises(Refused) as raised:
        _run(tmp_path, script, limits)
    error = raised.value
    assert (error.finding, says in error.next) == (finding, True), (error.message, error.seen, error.next)
    assert where in error.message


def test_workers_shared_memory_and_caches_just_work(tmp_path: Path) -> None:
    """Each way to start a worker, shared memory, joblib on all processors, writable caches; nothing is denied."""
    trained = _run(tmp_path, WORKERS, Limits())
    said = trained.talk.decode()
    squares = "[0, 1, 4, 9]"
    for line in (f"fork {squares}", f"spawn {squares}", f"forkserver {squares}", "shared 7", f"loky {squares}"):
        assert line in said, said
    assert "offline offline 1 file:" in said
    assert (trained.denied, sorted(trained.files)) == ((), ["model.onnx", "took.json"])
