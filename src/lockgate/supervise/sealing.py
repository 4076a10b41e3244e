"""Who seals a served model's prediction log: the sealer of the roles file, or a machine's own key in a mirror."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.seen import SeenStore
from lockgate.audit.workplace import Workplace
from lockgate.trust import pin


@dataclass(frozen=True)
class Sealing:
    """The log's name, its public key (32 bytes), the last checkpoint seen, what gives the private key (PEM), and the
    keys that sealed it before.
    """

    origin: str
    public: bytes
    seen: SeenStore
    key: Callable[[], bytes]
    former: tuple[bytes, ...] = ()

    @staticmethod
    def of(workplace: Workplace) -> Sealing:
        """The project's own: by the key that its roles file names."""
        ledger = workplace.ledger
        return Sealing(
            origin(ledger.root, PREDICTIONS),
            ledger.roles.sealer_key(),
            SeenStore(pin.seen_folder(ledger.root) / PREDICTIONS),
            lambda: workplace.keyring.give_out("sealer"),
            ledger.former_sealers,
        )
