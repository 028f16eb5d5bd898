"""The control plane's own tables, read with the statements that the log shows; where its database may be read."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from executor_adapters.acceptance.result import Proof
from executor_adapters.control_plane.database import Database
from executor_core.errors import InvalidInput, Unavailable


class Records:
    """Asks one database. A question that it can't answer is answered with the reason."""

    def __init__(self, url: str) -> None:
        """Raises `InvalidInput` for a URL of no known kind; connects to nothing yet."""
        self._database = Database(url, ours=False)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def ask(self, question: str) -> Proof:
        """Return the rows as lines, each ``column=value`` and so on."""
        rows = self._rows(question)
        if isinstance(rows, str):
            return Proof("control plane", question, (rows,))
        lines = tuple(" ".join(f"{name}={value}" for name, value in row.items()) for row in rows)
        return Proof("control plane", question, lines)

    def row(self, question: str) -> dict[str, Any] | None:
        """Return the first row, or None."""
        rows = self._rows(question)
        return rows[0] if rows and not isinstance(rows, str) else None

    def _rows(self, question: str) -> list[dict[str, Any]] | str:
        try:
            with self._database.reading() as connection:
                return [dict(row) for row in connection.execute(text(question)).mappings()]
        except (InvalidInput, Unavailable) as error:
            return str(error)
        except SQLAlchemyError as error:  # such as a table that this control plane does not have
            return f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"
