"""Keys in another store (a token, a cloud's key service), reached by securesystemslib's signers.

Imported by `trust.signer` only, when such a key signs. The store is not trusted to use the right key: the signer
verifies what it gives. A PIN is tried once, because a token locks itself after a few wrong ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lockgate.errors import LockgateError, Unavailable, Usage
from lockgate.trust.keys import Kind, PublicKey
from lockgate.trust.passphrases import Passphrases

if TYPE_CHECKING:
    from securesystemslib.signer import Key as TheirKey  # type: ignore[attr-defined]

EXTRAS: Final = {
    "hsm": "lockgate[pkcs11]",
    "gcpkms": "securesystemslib[crypto,gcpkms]",
    "awskms": "securesystemslib[crypto,awskms]",
    "azurekms": "securesystemslib[crypto,azurekms]",
    "hv": "securesystemslib[crypto,vault]",
}
"""Each scheme that a `.uri` file may name, and what to install for it."""

_SCHEMES: Final[dict[Kind, tuple[str, str]]] = {
    "ecdsa-p256": ("ecdsa", "ecdsa-sha2-nistp256"),
    "ecdsa-p384": ("ecdsa", "ecdsa-sha2-nistp384"),
    "ecdsa-p521": ("ecdsa", "ecdsa-sha2-nistp521"),
    "ed25519": ("ed25519", "ed25519"),
}
# What the libraries beneath call a wrong PIN; the names are all that they have in common.
_WRONG_PIN = ("PinIncorrect", "PinInvalid", "PinLenRange", "PinLocked")


class StoreKey:
    """A key that stays where it is; this process sends it what is to be signed."""

    def __init__(self, uri: str, public: PublicKey, passphrases: Passphrases, role: str) -> None:
        """Reaches no store yet; a PIN is asked for when the store does."""
        self.public = public
        self._uri = uri
        self._passphrases = passphrases
        self._role = role

    def sign(self, message: bytes) -> bytes:
        """The store's signature over `message`, not verified yet.

        Raises Unavailable (LG870 not installed, LG873 the store does not sign), Usage (LG871 a wrong PIN).
        """
        scheme = self._uri.partition(":")[0]
        try:
            from securesystemslib.exceptions import UnsupportedLibraryError
            from securesystemslib.signer import Signer  # type: ignore[attr-defined]
        except ImportError as error:
            raise _not_installed(scheme, str(error)) from None
        try:
            signer = Signer.from_priv_key_uri(self._uri, _their_key(self.public), self._secret)
            return bytes.fromhex(signer.sign(message).signature)
        except (UnsupportedLibraryError, ImportError) as error:
            raise _not_installed(scheme, str(error)) from None
        except LockgateError:
            raise
        except Exception as error:  # noqa: BLE001 - a store raises whatever its library raises
            raise self._told(error) from None

    def _secret(self, name: str) -> str:
        return self._passphrases.of(self._role, name).decode("utf-8", "replace")

    def _told(self, error: Exception) -> LockgateError:
        kind = type(error).__name__
        seen: dict[str, Any] = {"store": self._uri, "error": f"{kind}: {error}"[:300]}
        if kind in _WRONG_PIN:
            self._passphrases.forget(self._role)
            return Usage(
                "LG871",
                f"the key store {self._uri} does not take that PIN",
                seen=seen,
                next="run the same command with the right PIN; a token locks itself after a few wrong ones",
            )
        hint = "insert the token, or mend the connection, then run the same command again"
        if "PYKCS11LIB" in str(error):
            hint = "export PYKCS11LIB=/path/to/the/token's/pkcs11/library.so"
        return Unavailable("LG873", f"the key store {self._uri} did not sign: {kind}", seen=seen, next=hint)


def _their_key(public: PublicKey) -> TheirKey:
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

    kind, scheme = _SCHEMES[public.kind]
    value = public.raw.hex() if public.kind == "ed25519" else public.pem
    return SSlibKey(public.keyid, kind, scheme, {"public": value})


def _not_installed(scheme: str, why: str) -> Unavailable:
    return Unavailable(
        "LG870",
        f"keys in {scheme}: need packages that are not installed",
        seen={"scheme": scheme, "error": why[:300]},
        next=f"pip install '{EXTRAS[scheme]}'",
    )
