"""A witness and a client of one, written from C2SP tlog-witness, tlog-cosignature and signed-note alone.

It shares no line with Lockgate: standard library and `cryptography`; `rfc6962` beside it recomputes whole trees.
Plain and slow, and only what a test needs.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import struct
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The first four bytes of SHA-256(name LF type key)."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def vkey(name: str, kind: int, public: bytes) -> str:
    """`name+id+base64`."""
    return f"{name}+{key_id(name, kind, public).hex()}+{base64.b64encode(bytes([kind]) + public).decode()}"


def read_vkey(text: str) -> tuple[str, int, bytes]:
    """Name, type, public key."""
    name, _, data = text.split("+", 2)
    typed = base64.b64decode(data)
    return name, typed[0], typed[1:]


def split(note: bytes) -> tuple[bytes, list[tuple[str, bytes, bytes]]]:
    """A note's text, and its lines: name, id, signature."""
    text, _, rest = note.rpartition(b"\n\n")
    lines = []
    for line in rest.decode().splitlines():
        dash, name, data = line.split(" ")
        assert dash == "\u2014"
        found = base64.b64decode(data)
        lines.append((name, found[:4], found[4:]))
    return text + b"\n", lines


def signed_note(text: bytes, name: str, key: Ed25519PrivateKey) -> bytes:
    """A log's signed checkpoint."""
    public = key.public_key().public_bytes_raw()
    return text + b"\n" + line(name, 1, public, key.sign(text))


def line(name: str, kind: int, public: bytes, signature: bytes) -> bytes:
    """A signature line with its newline."""
    return f"\u2014 {name} {base64.b64encode(key_id(name, kind, public) + signature).decode()}\n".encode()


def cosignature_time(note: bytes, witness: str, lines: bytes) -> int:
    """Verify a witness's answer over a note, by its vkey; the time that it says."""
    name, kind, public = read_vkey(witness)
    assert kind == 4
    text, _ = split(note)
    (found,) = (one for one in split(text + b"\n" + lines)[1] if one[:2] == (name, key_id(name, 4, public)))
    (time,) = struct.unpack(">Q", found[2][:8])
    Ed25519PublicKey.from_public_bytes(public).verify(found[2][8:], b"cosignature/v1\ntime %d\n" % time + text)
    return int(time)


def consistency_root(old: int, old_root: bytes, new: int, proof: list[bytes]) -> bytes:
    """The new root that a proof from an old one leads to (RFC 6962, 2.1.2), by recursion over the tree's shape."""
    hashes = list(proof)

    def walk(start: int, end: int, *, inside: bool) -> tuple[bytes, bytes]:
        # (root over [start, old), root over [start, end))
        if end == old:
            found = old_root if inside else hashes.pop(0)
            return found, found
        k = 1
        while k * 2 < end - start:
            k *= 2
        if old <= start + k:
            left_old, left = walk(start, start + k, inside=inside)
            right = hashes.pop(0)
            return left_old, hashlib.sha256(b"\x01" + left + right).digest()
        right_old, right = walk(start + k, end, inside=False)
        left = hashes.pop(0)
        return (
            hashlib.sha256(b"\x01" + left + right_old).digest(),
            hashlib.sha256(b"\x01" + left + right).digest(),
        )

    found_old, found_new = walk(0, new, inside=True)
    assert not hashes
    if found_old != old_root:
        raise ValueError("another old root")
    return found_new


def leads(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> bool:
    """Whether a proof leads from the one root to the other."""
    try:
        return consistency_root(old, old_root, new, proof) == new_root
    except (ValueError, IndexError, AssertionError):
        return False


def submit(host: str, port: int, old: int, proof: list[bytes], note: bytes) -> tuple[int, str, bytes]:
    """POST add-checkpoint: status, content type, body."""
    body = b"old %d\n" % old + b"".join(base64.b64encode(one) + b"\n" for one in proof) + b"\n" + note
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.request("POST", "/add-checkpoint", body)
    answer = connection.getresponse()
    found = answer.status, answer.getheader("Content-Type", ""), answer.read()
    connection.close()
    return found


def witness_server(name: str, key: Ed25519PrivateKey, log_vkey: str, time: int) -> HTTPServer:
    """A witness for one log, on a free port of loopback. Chunked answers, as some servers give them."""
    log_name, _, log_public = read_vkey(log_vkey)
    public = key.public_key().public_bytes_raw()
    state: dict[str, Any] = {"size": 0, "root": hashlib.sha256(b"").digest()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            head, _, note = body.partition(b"\n\n")
            first, *rest = head.decode().split("\n")
            self.reply(*judge(int(first.removeprefix("old ")), [base64.b64decode(one) for one in rest], note))

        def reply(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

        def log_message(self, *_: object) -> None:
            pass

    def judge(old: int, proof: list[bytes], note: bytes) -> tuple[int, str, bytes]:
        text, lines = split(note)
        origin, size_text, root_text = text.decode().split("\n")[:3]
        if origin != log_name:
            return 404, "text/plain", b"who?\n"
        good = [one for one in lines if one[:2] == (log_name, key_id(log_name, 1, log_public))]
        for one in good:
            Ed25519PublicKey.from_public_bytes(log_public).verify(one[2], text)
        if not good:
            return 403, "text/plain", b"no\n"
        size, root = int(size_text), base64.b64decode(root_text)
        if old != state["size"]:
            return 409, "text/x.tlog.size", b"%d\n" % state["size"]
        if old == size and root != state["root"]:
            return 409, "text/x.tlog.size", b"%d\n" % state["size"]
        if 0 < old < size and not leads(old, state["root"], size, root, proof):
            return 422, "text/plain", b"no proof\n"
        state.update(size=size, root=root)
        signed = key.sign(b"cosignature/v1\ntime %d\n" % time + text)
        mine = line(name, 4, public, struct.pack(">Q", time) + signed)
        stranger = line("somebody.example/else", 4, bytes(32), bytes(72))
        return 200, "text/plain", stranger + mine

    return HTTPServer(("127.0.0.1", 0), Handler)
