"""What drivers raise, as findings. A driver's words may hold credentials: the host takes them out."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from lockgate.errors import LockgateError, Refused

_MISSING_DRIVER = {
    "s3": "pip install 'lockgate[s3]'",
    "gs": "pip install gcsfs",
    "az": "pip install adlfs",
    "postgresql": "pip install 'lockgate[postgresql]'",
}
_UNREACHABLE = (
    "ConnectionError", "ConnectionClosedError", "ConnectTimeoutError", "EndpointConnectionError", "ReadTimeoutError",
    "HTTPClientError", "ClientConnectorError", "ServerTimeoutError", "TimeoutError", "SSLError", "gaierror",
    "RemoteDisconnected", "ResponseParserError",
)  # fmt: skip
_DENIED = ("PermissionError", "NoCredentialsError", "ClientAuthenticationError", "DefaultCredentialsError")
_DENIED_CODES = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AccessDenied")
_CHANGED = ("FileExpired",)


def worded(error: Exception, name: str) -> LockgateError:
    """The finding for what was raised about the object or store `name`."""
    if isinstance(error, LockgateError):
        return error
    if isinstance(error, MemoryError):
        raise error  # the host knows the limit, and words it
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Refused("LG134", f"there is no room on the disk for {name}", seen={"source": name}, next="df -h .")
    chain = list(_chain(error))
    kinds = {kind.__name__ for one in chain for kind in type(one).__mro__}
    said = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no words'}"
    if isinstance(error, ImportError):
        return no_driver(name.partition(":")[0])
    if kinds & set(_CHANGED):
        return changed(name)
    if kinds & set(_DENIED) or any(code in said for code in _DENIED_CODES):
        return Refused(
            "LG129", f"{name}: access is denied", seen={"said": said}, next="check the secrets of this store"
        )
    if kinds & set(_UNREACHABLE):
        return Refused(
            "LG128", f"{name} cannot be reached", seen={"said": said}, next="check network and endpoint, then run again"
        )
    if isinstance(error, FileNotFoundError):
        return missing(name)
    if isinstance(error, OSError):
        return Refused("LG130", f"{name}: the store's answer cannot be used", seen={"said": said}, next="look at it")
    return Refused("LG136", f"{name}: fetching stopped on {said}", next="look at the address and the store")


def no_driver(scheme: str) -> Refused:
    """For a driver that is not installed."""
    mend = _MISSING_DRIVER.get(scheme, "")
    return Refused("LG126", f"the driver for {scheme} is not installed", seen={"scheme": scheme}, next=mend)


def missing(name: str) -> Refused:
    """For an object that is not there."""
    return Refused(
        "LG101", f"no object matches {name}", seen={"source": name}, next="set [data] sources in lockgate.toml"
    )


def changed(name: str) -> Refused:
    """For an object that is another one after it was read."""
    return Refused(
        "LG105",
        f"{name} changed while it was read",
        seen={"file": name},
        next="wait until whoever writes it is done, then run the same command again",
    )


def too_much(name: str, most: int) -> Refused:
    """For a source that gives more than was allowed."""
    return Refused(
        "LG134",
        f"{name} gives more than {most} bytes, the most that this source may",
        seen={"source": name, "most": most},
        next="narrow the source, or raise `most` in its table in lockgate.toml",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(8):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__
