"""The log as one HTML page: nothing is loaded from anywhere, and it prints. Pure."""

from collections.abc import Sequence
from html import escape
from typing import assert_never

from executor_adapters.acceptance.checklist import ItemState
from executor_adapters.acceptance.log import Block, Bullets, Heading, Listing, Paragraph, Table
from executor_adapters.acceptance.result import CaseStatus, Decision

_MARKS: dict[str, str] = {
    **dict.fromkeys((CaseStatus.PASS, ItemState.OK, Decision.APPROVED), "good"),
    **dict.fromkeys((CaseStatus.FAIL, ItemState.MISSING, Decision.BLOCKED), "bad"),
    **dict.fromkeys((CaseStatus.COULD_NOT_RUN, ItemState.TO_CONFIRM, Decision.CONDITIONAL), "open"),
    CaseStatus.NOT_SELECTED: "open",
}
_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881; --good: #15703c; --bad: #b3261e; --open: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --good: #6fd39a; --bad: #ff9d94; --open: #f0c36a; } }
body { font: 16px/1.55 system-ui, "Noto Sans Thai", "Sarabun", sans-serif; max-width: 62rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 + p { font-size: 1.8rem; line-height: 1.2; margin-bottom: .3rem; }
h2 { border-bottom: 1px solid var(--line); padding-bottom: .2rem; margin-top: 2.5rem; }
h3 { margin-top: 2rem; }
h4 { margin-bottom: .3rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
thead th, tbody th { background: var(--soft); }
tbody th { font-weight: normal; width: 16rem; }
pre { background: var(--soft); padding: .6rem .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.mark { font-weight: 700; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
@media (max-width: 40rem) { tbody th { width: 38%; } th, td { padding: .3rem .4rem; } }
@media print { body { margin: 0; max-width: none; font-size: 11pt; } tr, pre { break-inside: avoid; } }
"""


def page(blocks: Sequence[Block], *, language: str) -> str:
    """Return the blocks as a page in `language`; every text is escaped."""
    title = next((block.text for block in blocks if isinstance(block, Heading)), "")
    body = "\n".join(_written(block) for block in blocks)
    return (
        f'<!doctype html>\n<html lang="{escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n"
        "</html>\n"
    )


def _written(block: Block) -> str:
    match block:
        case Heading(level=level, text=text):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text=text, strong=strong):
            if not strong:
                return f"<p>{escape(text)}</p>"
            return f"<p>{_cell(text)}</p>" if text in _MARKS else f"<p><strong>{escape(text)}</strong></p>"
        case Bullets(items=items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Listing(lines=lines):
            return f"<pre>{escape(chr(10).join(lines))}</pre>"
        case Table(head=head, rows=rows):
            return f'<div class="wide">{_table(head, rows)}</div>'
        case _:  # pragma: no cover
            assert_never(block)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if head:
        cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
        body = "".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{_cell(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return f"<table><tbody>{body}</tbody></table>"


def _cell(text: str) -> str:
    mark = _MARKS.get(text)
    return escape(text) if mark is None else f'<span class="mark {mark}">{escape(text)}</span>'
