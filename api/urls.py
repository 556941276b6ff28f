"""Everything under /api, put together."""

from ninja import NinjaAPI

from api import (
    books,
    covers,
    downloads,
    files,
    inbox,
    plugin,
    positions,
    recount,
    series,
    server,
    sessions,
    statistics_imports,
    stats,
    stats_sessions,
    sync,
)
from api.auth import key_auth
from api.errors import LuaTolerantParser, Renderer, add_handlers

api = NinjaAPI(
    title="Tome",
    version="1",
    auth=key_auth,
    parser=LuaTolerantParser(),
    renderer=Renderer(),
    docs_url=None,
    urls_namespace="api",
)
add_handlers(api)
for resource in (
    server,
    files,
    positions,
    sessions,
    sync,
    series,
    downloads,
    inbox,
    plugin,
    books,
    covers,
    stats,
    stats_sessions,
    statistics_imports,
    recount,
):
    api.add_router("", resource.router)
