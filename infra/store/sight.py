"""What a listing is kept to for somebody who may not see everything."""

from collections.abc import Collection

import sqlalchemy as sa


def inside(column: sa.ColumnElement[str], within: Collection[str] | None) -> tuple[sa.ColumnElement[bool], ...]:
    """The condition that keeps a query to the scopes `within`, compared whole; none at all where everything may be seen (None)."""
    return () if within is None else (column.in_(sorted(within)),)
