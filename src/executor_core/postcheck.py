"""What is compared after a build: the index with what was asked for, and every other index with what was there."""

from executor_core.index_definition import IndexDefinition
from executor_core.target import IndexFacts, TableFacts, described


def surprises(
    built: IndexFacts,
    index: IndexDefinition,
    *,
    hidden: bool | None,
    before: tuple[IndexFacts, ...] | None,
    table: TableFacts,
) -> tuple[str, ...]:
    """Return a sentence for everything that came out otherwise than it was ordered.

    `built` is the index of this run: its name, its columns and its comment were compared already. `hidden` and
    `before` are None where no record of the order, or of what was there, is left.
    """
    found: list[str] = []
    if not built.has_parts(index) or built.unique or built.kind.upper() != "BTREE":
        found.append(f"the index is not the one asked for: {described(built)}")
    if hidden is not None and hidden == built.visible:
        found.append(f"the index is {'visible' if built.visible else 'hidden'}, and was not ordered so")
    if before is not None:
        found += differences(before, table, index)
    return tuple(found)


def differences(before: tuple[IndexFacts, ...], after: TableFacts, index: IndexDefinition) -> tuple[str, ...]:
    """Return a sentence for every index that is not what it was before the build.

    Left out are ours, and those that other runs of ours built: they are published and taken back at any time.
    """
    was = {i.name.casefold(): i for i in before if not i.is_named(index) and i.marker is None}
    now = {i.name.casefold(): i for i in after.indexes if not i.is_named(index)}
    gone = [f"the index {was[name].name!r} disappeared" for name in was if name not in now]
    changed = [f"the index {was[name].name!r} changed" for name in was if name in now and was[name] != now[name]]
    return (*gone, *changed)
