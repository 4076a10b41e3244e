"""Which templates make a prompt and nothing else. Each that is refused differs in one thing from one that is not."""

from __future__ import annotations

import pytest

from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.template_file import check_plain, check_template

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LLAMA3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
    "message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
)
LLAMA31 = """{{- bos_token }}
{%- if not date_string is defined %}{%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}
{%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}{%- set messages = messages[1:] %}{%- else %}{%- set x = "" %}{%- endif %}
{{- "Tools: " + builtin_tools | reject('equalto', 'code_interpreter') | join(", ") + "\\n\\n"}}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or 'tool_calls' in message) %}{{- '<|eot_id|>' }}
    {%- elif not message.tool_calls|length == 1 %}{{- raise_exception("One tool call at once!") }}
    {%- else %}{%- for arg_name, arg_val in message.tool_calls[0].function.arguments | items %}
        {{- arg_name + '="' + arg_val + '"' }}{%- if not loop.last %}{{- ", " }}{%- endif %}{%- endfor %}{%- endif %}
{%- endfor %}"""
QWEN = """{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.content is string and not(message.content.startswith('<tool>')) %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
    {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") or messages[index].role == "tool" %}
        {{- tool | tojson }}{{- message.content.split('</think>')[-1].lstrip('\\n') }}
    {%- endif %}
{%- endfor %}"""
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate user/assistant/...') }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{# a comment #}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% macro turn(role, text) %}{{ '<start_of_turn>' + role + '\\n' + text | trim }}{% endmacro %}"
    "{{ turn('model', messages | map(attribute='content') | first) }}{{ {'a': {'b': 1}} }}"
)
ZEPHYR = (
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\\n' + message['content'] }}\n"
    "{% elif loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"
)


@pytest.mark.parametrize("template", [CHATML, LLAMA3, LLAMA31, QWEN, MISTRAL, GEMMA, ZEPHYR, "", "plain { words }"])
def test_templates_that_people_use_are_let_in(template: str) -> None:
    """ChatML, Llama 3 and 3.1, Qwen 2.5 and 3, Mistral, Gemma, Zephyr: their constructs, shortened."""
    assert check_template(template) >= 0


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ x.__init__ }}",
        "{{ x['__class__'] }}",
        "{{ x['_' + '_class_' + '_'] }}",
        "{{ x['_' '_class_' '_'] }}",
        "{{ x['\\x5f\\x5fclass\\x5f\\x5f'] }}",
        "{{ x[y ~ z] }}",
        "{% set k = '_' %}{{ x[k] }}",
        "{% set k = 1 %}{% set k = y %}{{ x[k] }}",
        "{% for k in range(0) or ('_',) %}{{ x[k] }}{% endfor %}",
        "{% set loop = {'index': y} %}{{ x[loop.index] }}",
        "{{ x | attr('y') }}",
        "{{ x | map('attr', 'y') | list }}",
        "{{ x | map(attribute=y) }}",
        "{{ x | map('up' ~ 'per') }}",
        "{{ '{0.a}'.format(x) }}",
        "{{ x | format }}",
        "{{ lipsum }}",
        "{{ cycler }}",
        "{{ self }}",
        "{{ request.application }}",
        "{{ x.gi_frame }}",
        "{{ x.mro() }}",
        "{{ x.run() }}",
        "{{ run() }}",
        "{{ (x)() }}",
        "{{ x[0]() }}",
        "{% import 'a' as b %}",
        "{% include 'a' %}",
        "{% extends 'a' %}",
        "{% from 'a' import b %}",
        "{% call f() %}{% endcall %}",
        "{% do x.append(1) %}",
        "{% raw %}{{ x }}",
        "{{ x",
        "{{ a[ }}",
        "{{ '' a][ }}",
        "{{ x | map('a' }}",
        "{{ x | map( }}",
        "{{ x %}",
        "{# x",
        "{{ `x` }}",
        "{{ 9 ** 9 }}",
        "{{ ('a' * 9999) * 9999 }}",
        "{{ 'a' * 9999999 }}",
        "{{ '%99999d' % 1 }}",
        "{% for a in range(9999999) %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}",
        "{{ " + "(" * 40 + ")" * 40 + " }}",
        "{% if 1 %}" * 40,
        "<%= x %>",
        "{{ 'a\u202eb' }}",
    ],
)
def test_templates_that_reach_further_are_refused(template: str) -> None:
    """Attributes by detours, names of Jinja's own, calls of anything, other files, and what burns time: LG472."""
    with pytest.raises(NotAllowed) as no:
        check_template(template)
    assert no.value.finding == "LG472"


def test_a_text_may_show_templates_but_not_reach_through_them() -> None:
    """A README with placeholders is a text; one whose placeholder reaches into Python is refused."""
    check_plain("{{ name }} {% include 'x' %} __init__ {{ a.b(c) }}")
    for text in ("{{ x.__class__ }}", "words {% set a = x|attr('y') %}", "{{ lipsum }}"):
        with pytest.raises(NotAllowed):
            check_plain(text)
