"""`store.remote.reference`: what a person types names one repository of one registry, or is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.errors import Usage
from lockgate.store.remote.reference import Reference, host_of, is_loopback, parse

DIGEST = "sha256:" + "0" * 64
HOSTS = st.sampled_from(["registry.example", "a.b-c.example:5000", "localhost", "127.0.0.1:5000", "[::1]:5000", "x:1"])
PARTS = st.from_regex(r"[a-z0-9]+(?:(?:\.|_|__|-{1,3})[a-z0-9]+){0,2}", fullmatch=True)
TAGS = st.just("") | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)


@given(HOSTS, st.lists(PARTS, min_size=1, max_size=4), TAGS, st.sampled_from(["", DIGEST]))
def test_what_is_written_is_read(registry: str, parts: list[str], tag: str, digest: str) -> None:
    """Every part comes back, and is printed as it was typed."""
    text = f"{registry}/{'/'.join(parts)}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    found = parse(text)
    assert (found.registry, found.repository, found.tag) == (registry, "/".join(parts), tag)
    assert (str(found), found.digest or "") == (text, digest)


@given(st.text(max_size=60) | st.text("ab.:/@[]-_%#?\\ \n\0A1", max_size=40))
@example("registry.example/a" + "/a" * 300)
def test_whatever_is_read_is_printed_again(text: str) -> None:
    """Any text is refused by its id, or has exactly one spelling, which can do no harm in a URL."""
    with suppress(Usage):
        assert str(parse(text)) == text
        assert not set(text) & set("\\ ?#%\r\n\0")


@pytest.mark.parametrize(
    "text",
    [
        "flights",
        "team/flights:v7",
        "team/flights@" + DIGEST,
        "https://registry.example/flights",
        "registry.example",
        "registry.example/",
        "registry.example//flights",
        "registry.example/Flights",
        "registry.example/../flights",
        "registry.example/flights/..",
        "registry.example/.flights",
        "registry.example/a/./b",
        "registry.example/flights?x=1",
        "registry.example/flights#x",
        "registry.example/flights%2f..",
        "registry.example/flights:",
        "registry.example/flights:-x",
        "registry.example/flights:" + "v" * 129,
        "registry.example/flights@sha512:" + "0" * 128,
        "registry.example/flights@" + DIGEST.upper(),
        "registry.example/flights@" + DIGEST + "@" + DIGEST,
        "registry.example/flights@",
        "Registry.example/flights",
        "user@registry.example/flights",
        "user:word@registry.example/flights",
        "registry.example:0/flights",
        "registry.example:65536/flights",
        "registry.example:080/flights",
        "registry.example:/flights",
        "registry.example:80:80/flights",
        "-registry.example/flights",
        "registry..example/flights",
        ".example/flights",
        "[::1/flights",
        "::1/flights",
        "[0::1]:5000/flights",
        "[::1%lo]:5000/flights",
        "[::1]x/flights",
        "registry.example\\@evil.example/flights",
        "registry.example/flights\n",
        " registry.example/flights",
        "régistry.example/flights",
        "registry.example/" + "a" * 600,
        "",
    ],
)
def test_hostile_and_half_names(text: str) -> None:
    """No default registry, no scheme, no user, no second spelling, nothing that leads out of its path."""
    with pytest.raises(Usage) as refused:
        parse(text)
    assert refused.value.finding == "LG881"
    assert refused.value.message.isprintable()
    assert "registry.example:5000/team/flights:v7" in refused.value.next


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_loopback(host: str) -> None:
    """This machine, and no name that only looks so."""
    assert is_loopback(host)
    others = [f"{host}.example", f"x{host}", "10.0.0.1", "0.0.0.0", "::", "127.1", "2130706433"]
    assert not any(map(is_loopback, others))


def test_the_host_of_a_registry() -> None:
    """Without its port and brackets."""
    assert [host_of(name) for name in ("a.example:1", "a.example", "[::1]:5", "[::1]")] == [
        "a.example",
        "a.example",
        "::1",
        "::1",
    ]


def test_a_reference_is_a_value() -> None:
    """Tag and digest may be left out."""
    assert str(Reference("a.example", "b")) == "a.example/b"
