"""An expression of a template, read by a grammar that has no more in it than a prompt needs. Nothing is evaluated.

What it cannot read to the last token it refuses. Values are followed only as far as `template_values` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from lockgate.register.jail import template_words as words
from lockgate.register.jail.template_filters import filtered, replaced
from lockgate.register.jail.template_growth import MOST_RANGE, PADDED
from lockgate.register.jail.template_scope import Scope
from lockgate.register.jail.template_tokens import Token, no
from lockgate.register.jail.template_values import (
    CONSTANT,
    COUNT,
    NUMBER,
    OTHER,
    UNKNOWN_FACTOR,
    Value,
    all_of,
    constant,
    one_of,
    plus,
    times,
)

_PLAIN_ESCAPES = frozenset("nrt\\'\"")
_END = Token("", "", 0)
_COMPARED: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_MOST_REPEATED: Final = 100


class Reader:
    """The tokens of one block, from the left to the right."""

    def __init__(self, tokens: Sequence[Token], scope: Scope) -> None:
        self._tokens, self._at, self.scope = tokens, 0, scope

    def peek(self, ahead: int = 0) -> Token:
        """The next one; one of no kind at the end."""
        return self._tokens[self._at + ahead] if self._at + ahead < len(self._tokens) else _END

    def next(self) -> Token:
        """The next one, taken."""
        token = self.peek()
        self._at += 1
        return token

    def took(self, value: str) -> bool:
        """Whether the next one is that word or sign, which then is taken."""
        found = self.peek().value == value and self.peek().kind in ("name", "sign")
        self._at += found
        return found

    def expect(self, value: str) -> None:
        """Raises NotAllowed LG472 unless that is next."""
        if not self.took(value):
            self.refuse(f"{self.peek().value[:40]!r} stands where {value!r} should")

    def end(self) -> None:
        """Raises NotAllowed LG472 unless all tokens were read."""
        if self.peek().kind:
            self.refuse(f"it goes on with {self.peek().value[:40]!r}")

    def refuse(self, why: str, token: Token | None = None) -> NoReturn:
        """Raises NotAllowed LG472, at a token."""
        last = self._tokens[min(self._at, len(self._tokens) - 1)] if self._tokens else _END
        no(why, (token or last).at, self.scope.where)

    def several(self, *, condition: bool = True) -> Value:
        """An expression, or several with commas between them; `condition` as in `expression`."""
        found = [self.expression(condition=condition)]
        while self.took(","):
            if not self.peek().kind or self.peek().value in ("=", ")"):
                break
            found.append(self.expression(condition=condition))
        return all_of(found) if len(found) > 1 else found[0]

    def expression(self, *, condition: bool = True) -> Value:
        """`condition`: it may be of the form `a if b else c`."""
        found = self._or()
        while condition and self.took("if"):
            self._or()
            found = one_of([found, self.expression()]) if self.took("else") else one_of([found, Value()])
        return found

    def _or(self) -> Value:
        found = [self._not()]
        while self.took("or") or self.took("and"):
            found.append(self._not())
        return one_of(found)

    def _not(self) -> Value:
        if self.took("not"):
            self._not()
            return Value()
        found = self._sum()
        while True:
            negated = self.peek().value == "not" and self.peek(1).value == "in"
            if self.peek().kind != "text" and (self.peek().value in _COMPARED or self.peek().value == "in" or negated):
                self._at += 1 + negated
                self._sum()
                found = Value()
            else:
                return found

    def _sum(self) -> Value:
        found = self._joined()
        while self.took("+") or self.took("-"):
            more = self._joined()
            found = all_of([found, more], min(found.kind, more.kind))
        return found

    def _joined(self) -> Value:
        found = [self._product()]
        while self.took("~"):
            found.append(self._product())
        return all_of(found) if len(found) > 1 else found[0]

    def _product(self) -> Value:
        found = self._signed()
        while True:
            sign = self.peek()
            if self.took("*"):
                found = self._times(found, self._signed(), sign)
            elif self.took("/") or self.took("//"):
                other = self._signed()
                found = found.sized(plus([found.size, other.size]), min(found.kind, other.kind))
            elif self.took("%"):
                found = self._rest(found, self._signed(), sign)
            else:
                return found

    def _times(self, one: Value, other: Value, sign: Token) -> Value:
        for factor, value in ((one.number, other), (other.number, one)):
            if factor is not None:
                grown = value.size.get(CONSTANT, 0) * factor
                if grown > _MOST_REPEATED or (factor > _MOST_REPEATED and value.size.keys() - {CONSTANT}):
                    self.refuse("it multiplies what it makes", sign)
                return value.sized(times(value.size, factor), value.kind)
        if min(one.kind, other.kind) == OTHER:
            self.refuse("it multiplies what it makes", sign)
        return Value(times(plus([one.size, other.size]), UNKNOWN_FACTOR), NUMBER)

    def _rest(self, one: Value, other: Value, sign: Token) -> Value:
        """`%`: of numbers, or a text with places that are filled in."""
        if one.text is not None:
            return all_of([one, other.grown(one.text.count("%"))])
        if min(one.kind, other.kind) == OTHER:
            self.refuse("it fills places in a text that is put together, or may be", sign)
        return all_of([one, other], min(one.kind, other.kind))

    def _signed(self) -> Value:
        if self.took("-") or self.took("+"):
            found = self._signed()
            return found.sized(found.size, found.kind)
        return self._filtered(self.postfixed(self.primary()))

    def primary(self) -> Value:
        """A name, a call, something spelled out, or what stands in brackets."""
        token = self.next()
        if token.kind == "text":
            if self.peek().kind == "text":
                self.refuse("two texts in it are one")
            return self._text(token)
        if token.kind == "number":
            number = float(token.value)
            return Value(constant(number), COUNT, number=number)
        if token.kind == "name":
            return self._name(token)
        if token.value == "(" and token.kind == "sign":
            found = Value() if self.peek().value == ")" else self.several()
            self.expect(")")
            return found
        if token.value == "[":
            return self._until("]", self.expression)
        if token.value != "{":
            self.refuse(f"{token.value[:40]!r} stands where a value should", token)
        return self._until("}", self._pair)

    def _until(self, close: str, one: Callable[[], Value]) -> Value:
        found = []
        while not self.took(close):
            found.append(one())
            if self.peek().value != close:
                self.expect(",")
        return all_of(found) if found else Value()

    def _pair(self) -> Value:
        """`'key': value`: a key that a method is called cannot be told from it."""
        key = self.next()
        if key.kind != "text":
            self.refuse("a key in it is not spelled out", key)
        name = self._text(key).text or ""
        if name in words.METHODS - words.OWN_OF_DICT or name in words.NO_ATTRIBUTES:
            self.refuse(f"it has a key {name[:40]!r}, which is a method's name", key)
        self.expect(":")
        found = self.expression()
        return all_of([found, Value(constant(len(name)))])

    def _text(self, token: Token) -> Value:
        text = token.value
        if PADDED.search(text):
            self.refuse("a text in it is padded by more than a prompt needs", token)
        if "__" in text:
            self.refuse("a text in it holds two underscores in a row", token)
        for escape in re.finditer(r"\\(.)", text, re.DOTALL):
            if escape[1] not in _PLAIN_ESCAPES:
                self.refuse(f"a text in it spells a character as {escape[0][:10]!r}", token)
        return Value(constant(len(text)), text=text[1:-1])

    def _name(self, token: Token) -> Value:
        name, following = token.value, self.peek().value if self.peek().kind != "text" else ""
        if name in words.CONSTANTS:
            return Value()
        if name in words.KEYWORDS | words.NEVER or (name.startswith("_") and name != "_") or "__" in name:
            self.refuse(f"it uses the name {name[:40]!r}", token)
        if self.scope.is_callable(name):
            if following == "(":
                return self._called(token)
            if following != "is":
                self.refuse(f"it does something else with {name[:40]!r} than to call it", token)
        elif following == "(":
            self.refuse(f"it calls {name[:40]!r}", token)
        if name in self.scope.namespaces:
            return self._kept(token)
        if name == "loop" and following == "." and self.peek(1).value in words.LOOP:
            self._at += 2
            return Value(kind=COUNT)
        return Value({name: 1}, self.scope.kind(name), path=(name,))

    def _kept(self, token: Token) -> Value:
        """An attribute of a namespace: nothing else is done with one, so that nothing else can be in it."""
        if not self.took("."):
            self.refuse(f"it uses the namespace {token.value[:40]!r} as a whole", token)
        attribute = self.attribute()
        if self.peek().value == "(":
            self.refuse(f"it calls what is in {token.value[:40]!r}", attribute)
        name = f"{token.value}.{attribute.value}"
        return Value({name: 1}, self.scope.kind(name), path=(token.value, attribute.value))

    def attribute(self) -> Token:
        """A name behind a dot, or before a value. Raises NotAllowed LG472 for one that leads elsewhere."""
        token = self.next()
        name = token.value
        if token.kind != "name" or name.startswith("_") or "__" in name or name in words.NO_ATTRIBUTES:
            self.refuse(f"it uses the attribute {name[:40]!r}", token)
        return token

    def postfixed(self, value: Value) -> Value:
        """With the attributes, parts and methods that follow it."""
        while True:
            token = self.peek()
            if token.kind != "sign" or token.value not in (".", "[", "("):
                return value
            self._at += 1
            if token.value == "(":
                self.refuse("it calls what an expression gives", token)
            if token.value == "[":
                value = self._subscript(value, token)
                continue
            name = self.attribute()
            if self.peek().value == "(" and self.peek().kind == "sign":
                value = self._method(value, name)
            elif value.text is not None:
                self.refuse("it takes an attribute of a text", name)
            else:
                value = Value(value.size, path=(*value.path, name.value) if value.path else ())

    def _subscript(self, value: Value, token: Token) -> Value:
        """By one plain text, by a number, by a key of the very thing, or a slice."""
        index = None if self.peek().value == ":" else self.expression()
        if self.took(":"):
            while not self.took("]"):
                if not self.took(":"):
                    self.expression()
            return Value(value.size)
        self.expect("]")
        if index is None or index.text is not None:
            name = index.text if index and index.text is not None else "_"
            if name.startswith("_") or name in words.NO_ATTRIBUTES or value.text is not None:
                self.refuse("it takes an attribute by a text", token)
            return Value(value.size, path=(*value.path, name) if value.path else ())
        if index.kind == OTHER and not (len(index.path) == 1 and self.scope.is_key(index.path[0], value.path)):
            self.refuse("it takes a part of something by a text that is put together, or may be", token)
        return Value(value.part or value.size, path=(*value.path, "[]") if value.path else ())

    def _arguments(self) -> tuple[list[Value], dict[str, Value]]:
        """By place and by name. The bracket is next."""
        placed: list[Value] = []
        named: dict[str, Value] = {}
        self.expect("(")
        while not self.took(")"):
            if self.peek().kind == "name" and self.peek(1).value == "=" and self.peek(1).kind == "sign":
                name = self.attribute().value
                self.expect("=")
                named[name] = self.expression()
            elif named:
                self.refuse("a value by place comes behind one by name")
            else:
                placed.append(self.expression())
            if self.peek().value != ")":
                self.expect(",")
        return placed, named

    def _called(self, token: Token) -> Value:
        name = token.value
        placed, named = self._arguments()
        everything = [*placed, *named.values()]
        size = plus([constant(1), *(one.size for one in everything)])
        if name not in words.FUNCTIONS:
            return self.scope.call(name, token, everything, size)
        if name == "namespace":
            self.refuse("it makes a namespace in an expression", token)
        if name == "dict":
            if placed or named.keys() & (words.METHODS - words.OWN_OF_DICT):
                self.refuse("what it puts into a dict is not told, or has a method's name", token)
            return Value(size)
        if name == "range":
            for one in everything:
                if one.kind != COUNT or (one.number or 0) > MOST_RANGE:
                    self.refuse("it counts further than a prompt needs", token)
            return Value(size, is_range=True)
        return Value(size)

    def namespace(self) -> dict[str, Value]:
        """What is given to a new namespace, where all of the expression is one."""
        self.expect("namespace")
        placed, named = self._arguments()
        if placed:
            self.refuse("what it puts into a namespace is not told")
        return named

    def _method(self, value: Value, name: Token) -> Value:
        if name.value not in words.METHODS:
            self.refuse(f"it uses the attribute {name.value[:40]!r}", name)
        placed, named = self._arguments()
        if named:
            self.refuse("a method of a text takes values by place", name)
        made = all_of([value, *placed])
        match name.value:
            case method if method in words.COUNTS:
                return value.sized(value.size, COUNT)
            case "join":
                return made.grown(UNKNOWN_FACTOR if value.text is None else 1 + len(value.text))
            case "replace":
                return value.sized(replaced(value, placed))
            case "split" | "rsplit" | "splitlines":
                return value.sized(times(value.size, 6), part=value.size)
            case "get":
                return made
            case "items":
                return Value(value.size, pairs=value.path)
            case "keys":
                return Value(value.size, keys=value.path)
        return Value(value.size)

    def _filtered(self, value: Value) -> Value:
        while True:
            if self.took("|"):
                value = self.filter(value)
            elif self.took("is"):
                self.took("not")
                self._test()
                value = Value()
            elif self.peek().value == "(" and self.peek().kind == "sign":
                self.refuse("it calls what an expression gives")
            else:
                return value

    def _test(self) -> None:
        token = self.next()
        if token.value not in words.TESTS or token.kind != "name":
            self.refuse(f"it uses the test {token.value[:40]!r}", token)
        following = self.peek()
        if following.value == "(" and following.kind == "sign":
            self._arguments()
        elif following.kind in ("text", "number") or (following.kind == "sign" and following.value in ("[", "{")):
            self.postfixed(self.primary())
        elif following.kind == "name" and following.value not in ("else", "or", "and"):
            if following.value in ("if", "is", "in", "not"):
                self.refuse(f"it goes on with {following.value!r} behind a test", following)
            self.postfixed(self.primary())

    def filter(self, value: Value) -> Value:
        """What a filter, whose name is next, makes of it."""
        token = self.next()
        called = self.peek().value == "(" and self.peek().kind == "sign"
        placed, named = self._arguments() if called else ([], {})
        if token.kind != "name":
            self.refuse(f"{token.value[:40]!r} stands where a filter should", token)
        found = filtered(token.value, value, placed, named)
        if isinstance(found, str):
            self.refuse(found, token)
        return found
