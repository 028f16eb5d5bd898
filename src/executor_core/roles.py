"""Who is who among the digests of some snapshots: those judged, those wanted, and the controls."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from executor_core.comparison import DigestKind
from executor_core.metrics import DigestKey, DigestRole, digest_order
from executor_core.window import Reading


@dataclass(frozen=True, slots=True)
class Roles:
    """`kinds` holds the digests that touch the table, in a fixed order; `wanted` those the index is meant for."""

    kinds: Mapping[DigestKey, DigestKind]
    wanted: frozenset[DigestKey]
    controls: tuple[DigestKey, ...]


def roles_of(readings: Sequence[Reading], targets: Collection[str] | None) -> Roles:
    """The roles as the rows are marked and as `targets` names them.

    A digest that is named, in upper or lower case, is wanted, whatever its mark; without names, those marked
    `target` are. A digest neither named nor marked takes no part.
    """
    named = frozenset(name.casefold() for name in targets or ())
    marks: dict[DigestKey, set[DigestRole]] = {}
    for reading in readings:
        for key, row in reading.rows.items():
            seen = marks.setdefault(key, set())
            if row.role is not None:
                seen.add(row.role)
    kinds: dict[DigestKey, DigestKind] = {}
    wanted: set[DigestKey] = set()
    controls: list[DigestKey] = []
    for key in sorted(marks, key=digest_order):
        seen = marks[key]
        if DigestRole.WRITE in seen:
            kinds[key] = DigestKind.WRITE
        elif DigestRole.TARGET in seen or key.digest.casefold() in named:
            kinds[key] = DigestKind.READ
        elif DigestRole.CONTROL in seen:
            controls.append(key)
        if key.digest.casefold() in named or (not named and DigestRole.TARGET in seen):
            wanted.add(key)
    return Roles(kinds, frozenset(wanted), tuple(controls))
