"""The log as Markdown. Pure."""

import re
from collections.abc import Sequence
from typing import assert_never

from executor_adapters.acceptance.log import Block, Bullets, Heading, Listing, Paragraph, Table

_SPECIAL = re.compile(r"([\\`*<>|])")


def markdown(blocks: Sequence[Block]) -> str:
    """Return the blocks as one Markdown text; whatever would mean something in Markdown is escaped."""
    return "\n\n".join(_written(block) for block in blocks) + "\n"


def _written(block: Block) -> str:
    match block:
        case Heading(level=level, text=text):
            return f"{'#' * level} {_escaped(text)}"
        case Paragraph(text=text, strong=strong):
            return f"**{_escaped(text)}**" if strong else _escaped(text)
        case Bullets(items=items):
            return "\n".join(f"- {_escaped(item)}" for item in items)
        case Listing(lines=lines):
            text = "\n".join(" ".join(line.split("\n")) for line in lines)
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
            return f"{fence}text\n{text}\n{fence}"
        case Table(head=head, rows=rows):
            return _table(head, rows)
        case _:  # pragma: no cover
            assert_never(block)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    columns = len(head) or max((len(row) for row in rows), default=2)
    lines = [list(head) or [""] * columns, ["---"] * columns]
    lines += [[_escaped(cell) or " " for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
