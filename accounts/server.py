"""Which server this is."""

from accounts.models import Server


def server_identifier() -> str:
    """Made once for each server, kept in the database and its backups; devices tell servers apart by it."""
    server, _ = Server.objects.get_or_create(singleton=True)
    return str(server.identifier)
