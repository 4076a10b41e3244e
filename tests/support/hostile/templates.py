"""Templates that do more than lay out a conversation. Source: the Jinja documentation's page on its sandbox, and what
is published about server-side template injection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.support.hostile.case import Hostile

_REVIEWED = json.loads((Path(__file__).parents[1] / "template_cases.json").read_text("utf-8"))["reviewed"]
_DO = "|attr('popen')('true')"

TEMPLATES: tuple[tuple[str, str], ...] = (
    ("classes", "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    ("classes by item", "{{ ''['__class__']['__mro__'][1]['__subclasses__']() }}"),
    ("globals", "{{ self.__init__.__globals__.__builtins__.__import__('os').popen('true') }}"),
    ("globals of cycler", "{{ cycler.__init__.__globals__.os.popen('true').read() }}"),
    ("globals of joiner", "{{ joiner.__init__.__globals__['os']" + _DO + " }}"),
    ("globals of namespace", "{{ namespace.__init__.__globals__.os.popen('true') }}"),
    ("globals of lipsum", "{{ lipsum.__globals__['os'].popen('true').read() }}"),
    ("globals of range", "{{ range.__class__.__base__ }}"),
    ("globals of dict", "{{ dict.mro()[-1] }}"),
    ("self", "{{ self._TemplateReference__context.cycler.__init__.__globals__.os }}"),
    ("filter attr", "{{ ''|attr('__class__')|attr('__mro__') }}"),
    ("filter attr, joined", "{{ ''|attr('__cla' ~ 'ss__') }}"),
    ("filter attr, added", "{{ ''|attr('__cla' + 'ss__') }}"),
    ("filter attr, neighbours", "{{ ''|attr('__cla' 'ss__') }}"),
    ("filter attr, list", "{{ ''|attr(['__cla', 'ss__']|join) }}"),
    ("filter attr, format", "{{ ''|attr('%s%s' % ('__cla', 'ss__')) }}"),
    ("filter format", "{{ ''|attr('%c%c%sclass%c%c'|format(95, 95, '', 95, 95)) }}"),
    ("filter attr, hex", "{{ ''|attr('\\x5f\\x5fclass\\x5f\\x5f') }}"),
    ("filter attr, octal", "{{ ''|attr('\\137\\137class\\137\\137') }}"),
    ("filter attr, unicode", "{{ ''|attr('\\u005f\\u005fclass\\u005f\\u005f') }}"),
    ("filter attr, named", "{{ ''|attr('\\N{LOW LINE}\\N{LOW LINE}class__') }}"),
    ("filter attr, reversed", "{{ ''|attr('__ssalc__'|reverse) }}"),
    ("filter attr, sliced", "{{ ''|attr('__ssalc__'[::-1]) }}"),
    ("filter attr, lower", "{{ ''|attr('__CLASS__'|lower) }}"),
    ("filter attr, replaced", "{{ ''|attr('xxclassxx'|replace('x', '_')) }}"),
    ("filter attr, from input", "{{ ''|attr(messages[0].content) }}"),
    ("filter map", "{{ ['']|map(attribute='__class__')|list }}"),
    ("filter map, joined", "{{ ['']|map(attribute='__cla' ~ 'ss__')|list }}"),
    ("filter selectattr", "{{ ['']|selectattr('__class__.__mro__')|list }}"),
    ("filter rejectattr", "{{ ['']|rejectattr('__class__')|list }}"),
    ("filter groupby", "{{ ['']|groupby('__class__') }}"),
    ("filter sort", "{{ ['']|sort(attribute='__class__.__name__') }}"),
    ("filter sum", "{{ ['']|sum(attribute='__class__') }}"),
    ("filter unique", "{{ ['']|unique(attribute='__class__')|list }}"),
    ("filter min", "{{ ['']|min(attribute='__class__') }}"),
    ("filter map attr", "{{ ['']|map('attr', '__class__')|list }}"),
    ("item, joined", "{{ ''['__cla' ~ 'ss__'] }}"),
    ("item, hex", "{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}"),
    ("item, variable", "{% set u = '_' %}{{ ''[u ~ u ~ 'class' ~ u ~ u] }}"),
    ("item, doubled", "{% set u = '_' * 2 %}{{ ''[u ~ 'class' ~ u] }}"),
    ("name kept in a namespace", "{% set n = namespace(a='__class__') %}{{ ''[n.a] }}"),
    ("name given by a loop", "{% for a in ['__class__'] %}{{ ''[a] }}{% endfor %}"),
    ("name given by a macro", "{% macro f(a) %}{{ ''[a] }}{% endmacro %}{{ f('__class__') }}"),
    ("name given by a block", "{% set a %}__class__{% endset %}{{ ''[a] }}"),
    ("name given by a filter block", "{% set a %}{% filter lower %}__CLASS__{% endfilter %}{% endset %}{{ ''[a] }}"),
    ("dict of names", "{{ ''[dict(__class__=1)|first] }}"),
    ("dict joined", "{{ ''|attr(dict(__cla=1, ss__=2)|join) }}"),
    ("str.format", "{{ '{0.__class__}'.format('') }}"),
    ("str.format_map", "{{ '{x.__class__}'.format_map({'x': ''}) }}"),
    ("str.format, joined", "{{ ('{0.__cla' ~ 'ss__}').format('') }}"),
    ("import", "{% import 'os' as os %}"),
    ("from import", "{% from '/nonexistent/lockgate' import x %}"),
    ("include", "{% include '/nonexistent/lockgate' %}"),
    ("include of a list", "{% include ['/nonexistent/lockgate', 'x'] ignore missing %}"),
    ("extends", "{% extends '/nonexistent/lockgate' %}"),
    ("extends of input", "{% extends messages[0].content %}"),
    ("do", "{% do messages.clear() %}"),
    ("call of input", "{{ messages[0].content() }}"),
    ("debug", "{% debug %}"),
    ("config", "{{ config.items() }}"),
    ("request", "{{ request.application.__globals__ }}"),
    ("get_flashed_messages", "{{ get_flashed_messages.__globals__ }}"),
    ("url_for", "{{ url_for.__globals__ }}"),
    ("generator", "{{ (range(1)|map('upper')).gi_frame }}"),
    ("function attributes", "{{ raise_exception.func_globals }}"),
    ("code", "{{ strftime_now.__code__.co_consts }}"),
    ("line statement", "{# x #}{%- set x = ''.__class__ -%}{{ x }}"),
    ("spaces", "{{ '' . __class__ }}"),
    ("newlines", "{{ ''\n.\n__class__ }}"),
    ("raw and out of it", "{% raw %}{{ x }}{% endraw %}{{ ''.__class__ }}"),
    ("comment and out of it", "{# {{ ''.x }} #}{{ ''.__class__ }}"),
    ("in a condition", "{% if ''.__class__ %}x{% endif %}"),
    ("in a test", "{{ 1 if ''.__class__ is defined else 2 }}"),
    ("in an index", "{{ messages[''.__class__.__name__] }}"),
    ("in an argument", "{{ raise_exception(''.__class__) }}"),
    ("memory", "{{ 'a' * 10 ** 12 }}"),
    ("memory, shifted", "{{ ('a' * 9999999) * 9999999 }}"),
    ("memory by range", "{% for a in range(10 ** 12) %}{{ a }}{% endfor %}"),
    ("loop in loop in loop", "{% for a in range(99999) %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endfor %}"),
    ("lipsum without end", "{{ lipsum(n=10 ** 9) }}"),
    ("power", "{{ 9 ** 9 ** 9 }}"),
    ("centred", "{{ 'a'.center(10 ** 12) }}"),
    ("filter center", "{{ 'a'|center(10 ** 12) }}"),
    ("filter indent", "{{ 'a\\nb'|indent(10 ** 12) }}"),
    ("ljust", "{{ 'a'.ljust(10 ** 12) }}"),
    ("padded format", "{{ '%1000000000000d' % 1 }}"),
    ("recursion", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"),
    ("deep brackets", "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}"),
    ("deep blocks", "{% if 1 %}" * 5_000 + "{% endif %}" * 5_000),
    ("broken off", "{{ ''.__class__"),
    (
        "macros, doubling",
        "{% macro m0(a) %}{{ a }}{{ a }}{% endmacro %}"
        + "".join(
            f"{{% macro m{n}(a) %}}{{{{ m{n - 1}(a) }}}}{{{{ m{n - 1}(a) }}}}{{% endmacro %}}" for n in range(1, 40)
        )
        + "{{ m39(messages) }}",
    ),
    ("doubled in a row", "{% set a = messages %}" + "{% if a %}{% set a = a ~ a %}{% endif %}" * 40),
    ("doubled by a macro", "{% macro m(a) %}{{ a }}{{ a }}{% endmacro %}" + "{% set a = m(a) %}" * 40),
    ("unknown tag", "{% exec os.getcwd() %}"),
    *_REVIEWED.items(),
)

_CALLED = ("classes", "globals of cycler", "filter attr, joined", "item, variable", "include", "str.format", "memory")


def all_of_them() -> Iterator[Hostile]:
    """Each template as a file of its own, or in a setting where libraries look for one."""
    for number, (what, text) in enumerate(TEMPLATES):
        if number % 2:
            yield Hostile("template", "chat_template.jinja", text.encode(), what)
        else:
            config = json.dumps({"tokenizer_class": "T", "chat_template": text}).encode()
            yield Hostile("template", "tokenizer_config.json", config, f"{what}, in a setting")
    chosen = {what: text for what, text in TEMPLATES if what in _CALLED}
    for what, text in chosen.items():
        listed = {
            "chat_template": [{"name": "default", "template": "{{ messages }}"}, {"name": "rag", "template": text}]
        }
        yield Hostile("template", "tokenizer_config.json", json.dumps(listed).encode(), f"{what}, the second of a list")
        alone = json.dumps({"chat_template": text}).encode()
        yield Hostile("template", "chat_template.json", alone, f"{what}, in a file of its own")
        deeper = {"processor": {"chat_template": {"tool_use": text}}}
        yield Hostile("template", "processor_config.json", json.dumps(deeper).encode(), f"{what}, deeper")
        escaped = "".join(f"\\u{ord(one):04x}" for one in text)
        data = f'{{"chat_template": "{escaped}"}}'.encode()
        yield Hostile("template", "tokenizer_config.json", data, f"{what}, each letter escaped")
        yield Hostile(
            "template", "additional_chat_templates/tool_use.jinja", text.encode(), f"{what}, of more than one"
        )
        yield Hostile("template", "prompt.j2", text.encode(), f"{what}, under another ending")
