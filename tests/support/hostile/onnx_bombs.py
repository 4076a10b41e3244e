"""ONNX graphs of a few bytes that ask for memory or time without end, though each operator is standard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.support.hostile.case import Hostile
from tests.support.hostile.wire import (
    INT64,
    attribute,
    floats,
    graph,
    held,
    integers,
    model,
    node,
    of_nodes,
    opset,
    scalar,
    sized,
    subgraph,
    tensor,
    value,
)

HUGE = 1 << 40
BOOL = 9
_ONE = floats("one", [1.0])


def _makers() -> Iterator[tuple[str, bytes]]:
    """Operators that make a tensor of a size which the file names."""
    size, pair, count = integers("s", [HUGE]), integers("s", [1 << 20, 1 << 20]), scalar("n", HUGE)
    fill = node("ConstantOfShape", "s", "Y")
    yield "ConstantOfShape", of_nodes(fill, initializers=[size])
    yield "ConstantOfShape of two", of_nodes(fill, initializers=[pair])
    named = node("Constant", "", "s", attribute("value", integers("", [HUGE])))
    yield "ConstantOfShape of a constant", of_nodes(named, fill)
    ints = node("Constant", "", "s", attribute("value_ints", [HUGE]))
    yield "ConstantOfShape of ints", of_nodes(ints, fill)
    split = [node("Concat", "a a", "s", attribute("axis", 0)), fill]
    yield "ConstantOfShape of parts", of_nodes(*split, initializers=[integers("a", [1 << 20])])
    product = [node("Mul", "a a", "s"), fill]
    yield "ConstantOfShape of a product", of_nodes(*product, initializers=[integers("a", [1 << 20])])
    power = [node("Pow", "a b", "s"), fill]
    yield "ConstantOfShape of a power", of_nodes(*power, initializers=[integers("a", [10]), integers("b", [12])])
    cast = [node("Cast", "a", "s", attribute("to", 7)), fill]
    yield "ConstantOfShape of a cast", of_nodes(*cast, initializers=[floats("a", [1e12])])
    yield "Expand", of_nodes(node("Expand", "one s", "Y"), initializers=[_ONE, size])
    yield "Expand of the input", of_nodes(node("Expand", "X s", "Y"), initializers=[integers("s", [HUGE, 1, 1])])
    yield "Tile", of_nodes(node("Tile", "one s", "Y"), initializers=[_ONE, size])
    yield "Tile of the input", of_nodes(node("Tile", "X s", "Y"), initializers=[integers("s", [1 << 20, 1 << 20])])
    start, step = scalar("z", 0), scalar("d", 1)
    yield "Range", of_nodes(node("Range", "z n d", "Y"), initializers=[start, count, step])
    yield (
        "Range of floats",
        of_nodes(node("Range", "z n d", "Y"), initializers=[_float("z", 0.0), _float("n", 1e12), _float("d", 1e-3)]),
    )
    yield (
        "Range, no step",
        of_nodes(node("Range", "z n d", "Y"), initializers=[start, count, scalar("d", 0)]),
    )
    for operator in ("RandomNormal", "RandomUniform"):
        yield operator, of_nodes(node(operator, "", "Y", attribute("shape", [HUGE])))
    yield "Multinomial", of_nodes(node("Multinomial", "X", "Y", attribute("sample_size", HUGE)))
    yield (
        "OneHot",
        of_nodes(node("OneHot", "i n v", "Y"), initializers=[integers("i", [1]), count, floats("v", [0.0, 1.0])]),
    )
    pads = integers("p", [0, 0, HUGE, HUGE])
    yield "Pad", of_nodes(node("Pad", "X p", "Y"), initializers=[pads])
    old = model(sized([node("Pad", "X", "Y", attribute("pads", [0, 0, HUGE, 0]))]), opsets=[opset(10)])
    yield "Pad of old", old
    yield "Resize by scales", of_nodes(node("Resize", "X - f", "Y"), initializers=[floats("f", [1e6, 1e6])])
    yield "Resize to sizes", of_nodes(node("Resize", "X - - s", "Y"), initializers=[integers("s", [1 << 20, 1 << 20])])
    yield "Upsample", model(sized([node("Upsample", "X f", "Y")], [floats("f", [1e6, 1e6])]), opsets=[opset(9)])
    for operator in ("HannWindow", "HammingWindow", "BlackmanWindow"):
        yield operator, of_nodes(node(operator, "n", "Y"), initializers=[count])
    mel = [scalar(name, HUGE if name == "b" else 16_000) for name in "bdr"] + [_float("l", 0.0), _float("h", 8000.0)]
    yield "MelWeightMatrix", of_nodes(node("MelWeightMatrix", "b d r l h", "Y"), initializers=mel)
    yield (
        "ScatterND into it",
        of_nodes(
            fill.replace(b"Y", b"z"),
            node("ScatterND", "z i one", "Y"),
            initializers=[size, tensor("i", (1, 1), bytes(8), kind=7), _ONE],
        ),
    )
    yield "EyeLike", of_nodes(fill.replace(b"Y", b"z"), node("EyeLike", "z", "Y"), initializers=[pair])
    yield "in a branch", _branch(fill, pair)
    wide = [attribute("inputdimensions", [HUGE])]
    yield "FeatureVectorizer", of_nodes(node("FeatureVectorizer", "X", "Y", *wide, domain="ai.onnx.ml"))


def _images() -> Iterator[tuple[str, bytes]]:
    """Operators on images, windows and signals, whose results have sizes that the file names."""
    side = [1 << 20, 1 << 20]
    dot = tensor("w", (1, 1, 1, 1), bytes(4))

    def of(one: bytes, *kept: bytes, version: int = 17, dims: Sequence[int | str] = ("N", 1, 4, 4)) -> bytes:
        return model(sized([one], kept, inputs=[value("X", dims)]), opsets=[opset(version)])

    yield "DFT", of(node("DFT", "X n", "Y"), scalar("n", HUGE), dims=("N", 8, 1))
    yield "CenterCropPad", of(node("CenterCropPad", "X s", "Y"), integers("s", side), version=18, dims=("N", 2))
    grid = integers("s", [1, 1, *side])
    yield "AffineGrid", of(node("AffineGrid", "X s", "Y"), grid, version=20, dims=("N", 2, 3))
    block = integers("b", [1, 1])
    yield "Col2Im", of(node("Col2Im", "X s b", "Y"), integers("s", side), block, version=18, dims=("N", 1, 4))
    unpool = node("MaxUnpool", "X i s", "Y", attribute("kernel_shape", [2, 2]), attribute("strides", [2, 2]))
    yield "MaxUnpool", of(unpool, tensor("i", (1, 1, 4, 4), bytes(128), kind=INT64), grid, dims=(1, 1, 4, 4))
    roi = [attribute("output_height", 1 << 20), attribute("output_width", 1 << 20)]
    yield "RoiAlign", of(node("RoiAlign", "X r i", "Y", *roi), tensor("r", (1, 4), bytes(16)), integers("i", [0]))
    pooled = node("MaxRoiPool", "X q", "Y", attribute("pooled_shape", side))
    yield "MaxRoiPool", of(pooled, tensor("q", (1, 5), bytes(20)))
    for name in ("output_shape", "strides", "output_padding"):
        yield f"ConvTranspose {name}", of(node("ConvTranspose", "X w", "Y", attribute(name, side)), dot)
    padded = attribute("pads", [1 << 20] * 4)
    yield "Conv pads", of(node("Conv", "X w", "Y", padded), dot)
    yield "AveragePool pads", of(node("AveragePool", "X", "Y", attribute("kernel_shape", [1, 1]), padded))
    scales = floats("f", [1.0, 1.0, 1e5, 1e5])
    yield "Resize of an image", of(node("Resize", "X - f", "Y"), scales)
    yield "Upsample of an image", of(node("Upsample", "X f", "Y"), scales, version=9)
    hidden = node("LSTM", "X v v", "Y", attribute("hidden_size", 1 << 40))
    yield "LSTM", of(hidden, tensor("v", (1, 4, 2), bytes(32)), dims=(1, "N", 2))


def _float(name: str, given: float) -> bytes:
    one = floats(name, [given])
    return one[2:]  # without its one dimension: a scalar


def _branch(fill: bytes, size: bytes) -> bytes:
    then = subgraph("then_branch", graph([fill], inputs=[]))
    other = subgraph("else_branch", graph([node("Identity", "X", "Y")], inputs=[]))
    return of_nodes(node("If", "C", "Y", then, other), initializers=[size, tensor("C", (), b"\1", kind=9)])


def _chains() -> Iterator[tuple[str, bytes]]:
    """Each node doubles what the one before made: the size is nowhere in the file."""

    def chain(one: str, count: int, *attributes: bytes, first: str = "X") -> list[bytes]:
        names = [first, *(f"a{n}" for n in range(count - 1)), "Y"]
        return [node(one, f"{names[n]} {names[n]}", names[n + 1], *attributes) for n in range(count)]

    yield "Concat", of_nodes(*chain("Concat", 44, attribute("axis", 1)))
    yield "Concat of rows", of_nodes(*chain("Concat", 44, attribute("axis", 0)))
    yield "Concat of a constant", of_nodes(*chain("Concat", 44, attribute("axis", 0), first="one"), initializers=[_ONE])
    yield (
        "Concat, tenfold",
        of_nodes(
            *(
                node(
                    "Concat",
                    " ".join([f"a{n}" if n else "X"] * 10),
                    f"a{n + 1}" if n < 11 else "Y",
                    attribute("axis", 1),
                )
                for n in range(12)
            )
        ),
    )
    names = ["X", *(f"a{n}" for n in range(43)), "Y"]
    tiles = [node("Tile", f"{names[n]} two", names[n + 1]) for n in range(44)]
    yield "Tile", of_nodes(*tiles, initializers=[integers("two", [2, 1])])
    pads = [node("Pad", f"{names[n]} p", names[n + 1]) for n in range(44)]
    yield "Pad", of_nodes(*pads, initializers=[integers("p", [1 << 35, 0, 0, 0])])
    resizes = [node("Resize", f"{names[n]} - f", names[n + 1]) for n in range(30)]
    last = node("Identity", names[30], "Y")
    yield "Resize", of_nodes(*resizes, last, initializers=[floats("f", [1.0, 2.0])])
    outer = [node("Unsqueeze", "one ax", "u")]
    outer += [node("MatMul", f"{'u' if n == 0 else f'm{n - 1}'} t", f"m{n}") for n in range(2)]
    yield (
        "outer products",
        of_nodes(
            node("Expand", "one s", "u"),
            node("Transpose", "u", "t"),
            node("MatMul", "u t", "Y"),
            initializers=[_ONE, integers("s", [1 << 20, 1])],
        ),
    )
    yield (
        "Einsum",
        of_nodes(
            node("Einsum", "v v v v", "Y", attribute("equation", "a,b,c,d->abcd")),
            initializers=[floats("v", [0.0] * 2000)],
        ),
    )
    yield (
        "broadcast",
        of_nodes(
            *(node("Unsqueeze", f"v k{n}", f"w{n}") for n in range(3)),
            node("Add", "w0 w1", "b"),
            node("Add", "b w2", "Y"),
            initializers=[
                floats("v", [0.0] * 20_000),
                *(integers(f"k{n}", [d for d in range(3) if d != n]) for n in range(3)),
            ],
        ),
    )
    yield (
        "texts",
        model(sized(chain("StringConcat", 44, first="t"), [_texts()]), opsets=[opset(20)]),
    )
    wide = tensor("i", (1 << 14, 1), bytes(8 << 14), kind=INT64)
    gathered = [
        node("Gather", f"{a} i", b, attribute("axis", n)) for n, a, b in ((0, "X", "A"), (2, "A", "B"), (1, "B", "Y"))
    ]
    yield "Gather", of_nodes(*gathered, initializers=[wide])


def _texts() -> bytes:
    return tensor("t", (1,), kind=8, more=held(6, "lockgate"))


def _loops() -> Iterator[tuple[str, bytes]]:
    """Graphs that run for ever, or nearly."""
    yes = tensor("c", (), b"\1", kind=9)
    trip, going, state = value("i", [], INT64), value("k", [], BOOL), value("v", ["N", 2])
    kept = value("k2", [], BOOL)
    same = [node("Identity", "k", "k2"), node("Identity", "v", "v2")]
    body = graph(same, inputs=[trip, going, state], outputs=[kept, value("v2", ["N", 2])])
    yield "Loop without end", of_nodes(node("Loop", "- c X", "Y", subgraph("body", body)), initializers=[yes])
    yield "Loop of neither", of_nodes(node("Loop", "- - X", "Y", subgraph("body", body)))
    counted = [scalar("n", (1 << 63) - 1), yes]
    yield "Loop of 2^63", of_nodes(node("Loop", "n c X", "Y", subgraph("body", body)), initializers=counted)
    doubling = [node("Identity", "k", "k2"), node("Concat", "v v", "v2", attribute("axis", 1))]
    grown = graph(doubling, inputs=[trip, going, state], outputs=[kept, value("v2", ["N", "M"])])
    small = [scalar("n", 60), yes]
    yield "Loop that doubles", of_nodes(node("Loop", "n c X", "Y", subgraph("body", grown)), initializers=small)
    scanned = graph(
        [*same, node("Identity", "v", "o")],
        inputs=[trip, going, state],
        outputs=[kept, value("v2", ["N", 2]), value("o", ["N", 2])],
    )
    yield (
        "Loop that gathers",
        of_nodes(node("Loop", "n c X", "u Y", subgraph("body", scanned)), initializers=[scalar("n", HUGE), yes]),
    )
    steps = [node("Identity", "k1", "k2"), node("Identity", "w", "w2")]
    again = [value("i1", [], INT64), value("k1", [], BOOL), value("w", ["N", 2])]
    inner = subgraph("body", graph(steps, inputs=again, outputs=[kept, value("w2", ["N", 2])]))
    nested = graph(
        [node("Identity", "k", "q2"), node("Loop", "n c v", "v2", inner)],
        inputs=[trip, going, state],
        outputs=[value("q2", [], BOOL), value("v2", ["N", 2])],
    )
    yield (
        "Loop in a loop",
        of_nodes(node("Loop", "n c X", "Y", subgraph("body", nested)), initializers=[scalar("n", 1 << 30), yes]),
    )


def all_of_them() -> Iterator[Hostile]:
    """Every bomb."""
    for what, data in (*_makers(), *_images()):
        yield Hostile("ONNX expansion", "model.onnx", data, f"{what}: a few bytes ask for terabytes")
    for what, data in _chains():
        yield Hostile(
            "ONNX expansion", "model.onnx", data, f"chain of {what}: what is small at first grows with each node"
        )
    for what, data in _loops():
        yield Hostile("ONNX loops", "model.onnx", data, f"{what}: one answer takes for ever")
