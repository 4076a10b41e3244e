"""Labels that are waited for, and those that came: the files of both, in a thread, so that no turn waits for a disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.serve.monitoring import kept
from lockgate.serve.monitoring.kept import Kept, Said
from lockgate.serve.rungs.following import Labels

if TYPE_CHECKING:
    from lockgate.core.digest import Digest
    from lockgate.serve.rungs.comparing import Place

FOLLOWED = "watch-labels.json"
"""How far the labels were followed: by one gateway of the house, for all."""

Known = tuple["Digest", float, int]
"""Of a row whose label came: the model, what it said, the stratum."""

_log = logging.getLogger(__name__)


class Awaited:
    """Of one gateway. `folder`: where labels lie."""

    def __init__(self, folder: Path, gateway: str) -> None:
        self._folder, self._gateway = folder, gateway
        self._thread = ThreadPoolExecutor(1, "monitoring")
        self._files: dict[Digest, Kept] = {}
        self._models: Sequence[Digest] = ()
        self._labels: Labels[Known] | None = None

    def follow(self) -> None:
        """Follow from where the labels end now: those that come before the first look are of rows that are watched."""
        with suppress(RuntimeError):
            self._thread.submit(self._follower)

    def keep(self, model: Digest, rows: Sequence[Said], every: int) -> None:
        """Keep what a model said of these rows, some time soon. A disk that fails costs labels, nothing else."""
        with suppress(RuntimeError):
            self._thread.submit(self._keep, model, rows, every)

    async def came(self, models: Sequence[Digest]) -> list[tuple[Any, Known]]:
        """Labels that came since, for rows of these models, and what is known of the rows. Raises OSError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, models)

    async def close(self) -> None:
        """Let go of the thread and the files."""
        await asyncio.to_thread(self._thread.shutdown)
        for file in self._files.values():
            file.close()

    def _keep(self, model: Digest, rows: Sequence[Said], every: int) -> None:
        file = self._files.get(model)
        if file is None:
            with suppress(OSError):
                kept.clear(self._folder)
            file = self._files[model] = Kept(self._folder, self._gateway, model)
        try:
            file.keep(rows, every)
        except OSError as error:
            _log.warning("rows are not kept for their labels: %s", error)

    def _read(self, models: Sequence[Digest]) -> list[tuple[Any, Known]]:
        self._models = models
        return self._follower().read()

    def _follower(self) -> Labels[Known]:
        if self._labels is None:
            self._labels = Labels(self._folder, "watch", self._said_of, kept=FOLLOWED)
        return self._labels

    def _said_of(self, wanted: Mapping[str, Sequence[Place]]) -> Mapping[str, Sequence[Known | None]]:
        return kept.found(self._folder, self._models, wanted)
