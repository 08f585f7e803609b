"""How is a case written, as Markdown or HTML, so that no name or note can act as markup?"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from intel.profiler.cases import Block, Heading, Sheet
from intel.visible import show_hidden

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$&])")
_BREAKS = str.maketrans("\r\n\t", "   ")
_STYLE = """body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b2530}
table{border-collapse:collapse;margin:.5rem 0 1rem}td,th{border:1px solid #ccd3da;padding:.25rem .6rem;text-align:left;
overflow-wrap:anywhere}pre{background:#f4f6f8;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere}
h2{border-top:1px solid #ccd3da;padding-top:1rem}@media print{h2,h3{break-after:avoid}}"""


def print_markdown(blocks: Sequence[Block]) -> str:
    """Return the report as Markdown."""
    parts = []
    for block in blocks:
        if isinstance(block, Heading):
            parts.append(f"{'#' * block.level} {_escape(block.text)}")
        elif isinstance(block, Sheet):
            rows = [block.columns, tuple("---" for _ in block.columns), *block.rows]
            cells = [[cell if number == 1 else _escape(cell) for cell in row] for number, row in enumerate(rows)]
            parts.append("\n".join(f"| {' | '.join(row)} |" for row in cells))
        elif block.is_code:
            parts.append("\n".join(f"    {_flatten(line)}" for line in block.lines))
        else:
            parts.append("\n".join(f"- {_escape(line)}" for line in block.lines))
    return "\n\n".join(parts) + "\n"


def print_html(blocks: Sequence[Block]) -> str:
    """Return the report as one HTML page without scripts, ready to print; it fetches nothing."""
    title = next((block.text for block in blocks if isinstance(block, Heading)), "Case")
    body = "\n".join(_print_block(block) for block in blocks)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>{_quote(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _print_block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{_quote(block.text)}</h{block.level}>"
    if isinstance(block, Sheet):
        head = "".join(f"<th>{_quote(cell)}</th>" for cell in block.columns)
        rows = "".join(f"<tr>{''.join(f'<td>{_quote(cell)}</td>' for cell in row)}</tr>\n" for row in block.rows)
        return f"<table><tr>{head}</tr>\n{rows}</table>"
    if block.is_code:
        return "<pre>" + "\n".join(_quote(line) for line in block.lines) + "</pre>"
    return "<ul>" + "".join(f"<li>{_quote(line)}</li>" for line in block.lines) + "</ul>"


def _flatten(text: str) -> str:
    """Return the text on one line; control and direction marks become visible."""
    return show_hidden(text.translate(_BREAKS))


def _escape(text: str) -> str:
    return _MARKS.sub(r"\\\1", _flatten(text))


def _quote(text: str) -> str:
    return html.escape(_flatten(text))
