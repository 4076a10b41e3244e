"""Begin a project: keys, the root's pin, the first two log entries, an empty registry."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lockgate.audit.evidence import Leaf
from lockgate.audit.ledger import EVENTS, PREDICTIONS, origin
from lockgate.audit.seal import Sealer
from lockgate.audit.seen import SeenStore
from lockgate.config import load_config
from lockgate.core.digest import digest_of
from lockgate.core.shown_html import Shown
from lockgate.errors import LockgateError, Refused
from lockgate.project.claims import was_begun
from lockgate.store.layout import RegistryStore
from lockgate.trust import pin as pins
from lockgate.trust.dsse import Envelope
from lockgate.trust.keyring import Created, Keyring, create_keys, remove_keys
from lockgate.trust.policy import FILENAME as POLICY_FILE
from lockgate.trust.policy import Policy, default_policy


@dataclass(frozen=True, repr=False)
class Founded(Shown):
    """A new project. `root_key`: the one file to move to another place."""

    project_id: str
    root: Path
    keys: Path
    root_key: Path

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {"project_id": self.project_id, "keys": str(self.keys), "root_key": str(self.root_key)}


def found(root: Path, *, person: str, now: datetime) -> Founded:
    """Make a project of the folder `root`, which has a lockgate.toml.

    1. The settings and the policy are read before anything is made.
    2. Keys for the root and the eleven roles; the roles file, signed by the root.
    3. The registry, and the event log with two entries: roles file, policy. The prediction log, empty.
    4. The root is pinned for this user.

    When a step fails, what the earlier ones made is taken back.

    Raises:
        Usage: LG942, LG945, LG840 the settings or the policy.
        Refused: LG947 there is a project here already.
        Unavailable: LG801, LG835 the disk, or no home directory.
    """
    # 1.
    load_config(root)
    policy_file = root / POLICY_FILE
    if not policy_file.exists():
        policy_file.write_text(default_policy(), encoding="utf-8")
    policy = Policy.from_text(policy_file.read_text(encoding="utf-8"))
    home = root / ".lockgate"
    _set_unfinished_aside(home, now)
    # 2.
    created = create_keys(person or getpass.getuser(), now)
    try:
        # 3.
        _begin(home, created, policy, now)
        # 4.
        pins.pin(created.project_id, root, now)
    except BaseException:
        remove_keys(created.project_id)
        with suppress(LockgateError):
            _set_unfinished_aside(home, now)
        raise
    return Founded(created.project_id, root, created.folder, created.root_key)


def _begin(home: Path, created: Created, policy: Policy, now: datetime) -> None:
    for folder in ("registry", "log", "state/locks", "state/tmp", "data"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    keyring = Keyring.open(created.project_id)
    registry = RegistryStore(home / "registry")
    envelopes = [created.envelope, keyring.signer("policy").sign(policy.statement(now))]
    leaves = []
    for envelope in envelopes:
        registry.blobs.put(envelope)
        statement = Envelope.parse(envelope).statement()
        leaf = Leaf(statement.claim, digest_of(envelope), statement.predicate_type, len(envelope), now)
        leaves.append(leaf.encode())
    registry.publish(())
    sealer = keyring.signer("sealer")
    # The prediction log comes first: where the event log has a checkpoint, the project is whole.
    for name, entries in ((PREDICTIONS, []), (EVENTS, leaves)):
        Sealer(
            home / "log" / name,
            origin=origin(created.project_id, name),
            sign=sealer.sign_note,
            public_key=sealer.public.raw,
            seen=SeenStore(pins.seen_folder(created.project_id) / name),
            clock=now.timestamp,
        ).append(entries)


def _set_unfinished_aside(home: Path, now: datetime) -> None:
    """An init that was killed leaves a folder without a signed event log: it is moved away, never removed."""
    if (home / "log" / EVENTS / "checkpoint").exists():
        raise Refused(
            "LG947", "this folder is a project already", seen={"folder": str(home.parent)}, next="lockgate status"
        )
    # Where a project of this user is known to be, a missing log is a loss to look into, not a fresh start.
    known = pins.project_at(home.parent)
    if known:
        raise Refused(
            "LG947",
            "this folder held a project of yours, and its event log is gone",
            seen={"folder": str(home.parent), "project": known},
            next=f"restore .lockgate; to begin anew, trusting nothing signed before: lockgate trust unpin {known}",
        )
    # An init that was killed has written no entry, for a log begins with its checkpoint; and nobody pinned it.
    if was_begun(home):
        raise Refused(
            "LG947",
            "this folder holds a project's logs, and the checkpoint of its event log is gone",
            seen={"folder": str(home.parent)},
            next="lockgate log verify   # what is damaged, and what mends it",
        )
    if home.exists():
        os.rename(home, home.with_name(f".lockgate.unfinished-{now:%Y%m%d%H%M%S}"))
