"""Whether the broker can be reached."""

from celery import current_app

from workers.enqueue import PUBLISH_OPTIONS


def broker_answers() -> bool:
    """Ask the broker for a sign of life; a refused port answers at once, a black hole costs a second."""
    options = current_app.conf.broker_transport_options | PUBLISH_OPTIONS
    try:
        with current_app.connection_for_write(transport_options=options) as connection:
            connection.ensure_connection(max_retries=0, timeout=1)
    except Exception:
        # Whatever the transport raises (its own errors, the socket's, a wrong password): it does not answer.
        return False
    return True
