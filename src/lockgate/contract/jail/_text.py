"""Text files before they are parsed: every byte decodes, no line is endless. Answers where it does not."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from lockgate.contract.jail._bounds import MAX_RECORD, too_long
from lockgate.contract.jail._quotes import QuoteScan
from lockgate.errors import Refused, Usage

_CHUNK = 1 << 20


@dataclass(frozen=True)
class TextOptions:
    """`[data]` of text files. `null` are the spellings of an unquoted CSV cell that mean no value.

    One that is itself in quotes is of a quoted cell: `"NA"`. Some programs put every cell in quotes.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    null: tuple[str, ...] = ("",)

    @property
    def bare(self) -> tuple[str, ...]:
        """The spellings without quotes, each once."""
        return tuple(dict.fromkeys(_bare(one) for one in self.null))

    @property
    def quoted(self) -> bool:
        """Whether a quoted cell may be null too."""
        return any(_bare(one) != one for one in self.null)

    @property
    def codec(self) -> str:
        """The codec that also takes the byte order mark away."""
        name = codecs.lookup(self.encoding).name
        return "utf-8-sig" if name == "utf-8" else name


def check_options(options: TextOptions) -> None:
    """Raises Usage LG116 when the encoding is unknown or the delimiter is no one plain character, LG1101 about null."""
    try:
        known = codecs.lookup(options.encoding)
        "a,\n".encode(options.encoding)
    except (LookupError, UnicodeError, ValueError, AttributeError):
        known = None
    if known is None or not getattr(known, "_is_text_encoding", True):
        raise Usage(
            "LG116",
            f"no text encoding is called {options.encoding!r}",
            seen={"encoding": options.encoding},
            next='set [data] encoding in lockgate.toml, for example "utf-8" or "cp1252"',
        )
    if len(options.delimiter) != 1 or not options.delimiter.isascii() or options.delimiter in '"\r\n\0':
        raise Usage(
            "LG116",
            f"a delimiter is one ASCII character, not {options.delimiter!r}",
            seen={"delimiter": options.delimiter},
            next='set [data] delimiter in lockgate.toml, for example ";"',
        )

    if options.quoted and {one for one in options.null if _bare(one) == one} != {
        _bare(one) for one in options.null if _bare(one) != one
    }:
        raise Usage(
            "LG1101",
            "a spelling of no value is listed in quotes, and not each of them is listed with and without",
            seen={"null": list(options.null)},
            next='list each both ways, [data] null = ["", "\\"\\"", "NA", "\\"NA\\""], or none in quotes',
        )


def _bare(spelling: str) -> str:
    return spelling[1:-1] if len(spelling) > 1 and spelling[0] == spelling[-1] == '"' else spelling


def check_text(path: Path, name: str, options: TextOptions, quotes: QuoteScan | None = None) -> None:
    """Read `path` once, show it to `quotes`. Raises Refused LG107 (with byte) or LG114."""
    decoder = codecs.getincrementaldecoder(options.codec)()
    plain = options.codec == "utf-8-sig"
    offset, lines, run = 0, 1, 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            held = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                raise _undecodable(name, options.encoding, error, offset - held, lines) from None
            if quotes is not None:
                quotes.feed(chunk if plain else text.encode(errors="surrogatepass"))
            if not chunk:
                return
            first = text.find("\n")
            if run + (len(text) if first < 0 else first) > MAX_RECORD:
                raise too_long(name, line=lines)
            run = run + len(text) if first < 0 else len(text) - text.rfind("\n") - 1
            lines += text.count("\n")
            offset += len(chunk)


def _undecodable(name: str, encoding: str, error: UnicodeDecodeError, base: int, lines: int) -> Refused:
    before = error.object[: error.start]
    at, line = base + error.start, lines + before.count(b"\n")
    value = error.object[error.start : error.start + 1].hex()
    return Refused(
        "LG107",
        f"{name} is not {encoding}: byte {at} (line {line}) is 0x{value}",
        seen={"file": name, "byte": at, "line": line, "value": f"0x{value}", "encoding": encoding},
        next='set [data] encoding in lockgate.toml (often "cp1252"), or save the file as UTF-8',
    )
