"""A statement's normalized text as people write SQL."""

import re

_SPACED = re.compile(r"(?<=\() | (?=[,)])|(?<=COUNT) (?=\()|(?<=SUM) (?=\()|(?<=MAX) (?=\()")


def readable(digest_text: str, width: int | None = None) -> str:
    """Return a digest's text as people write SQL, cut to `width` characters where that is given.

    >>> readable("SELECT `id` , COUNT ( * ) FROM `orders` WHERE `id` = ?")
    'SELECT id, COUNT(*) FROM orders WHERE id = ?'
    >>> readable("SELECT `id` FROM `orders`", 12)
    'SELECT id …'
    """
    text = " ".join(_SPACED.sub("", digest_text.replace("`", "")).split())
    return text if width is None or len(text) <= width else f"{text[: width - 2].rstrip()} …"
