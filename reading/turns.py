"""One writer at a time for each reader.

A device's batch touches places, sessions and marks of one reader in the order in which the device lists them, and a
rebuild drops the same marks in an order of its own. On PostgreSQL two of them at once would wait for each other's rows
for ever. So each takes the reader's row first; other readers go on. SQLite has one writer anyway.
"""

from django.db import connection

from accounts.statements import query

# Not FOR UPDATE: that would also wait for everybody who merely refers to the reader by a foreign key.
_TAKE = "SELECT id FROM accounts_reader WHERE id = %s FOR NO KEY UPDATE"


def take_turn(reader_id: int) -> None:
    """Wait until no other transaction writes for this reader; inside the transaction that is going to."""
    if connection.features.has_select_for_update:
        query(_TAKE, [reader_id])
