"""What an operator can get wrong, as system checks whose hint is the fix."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register(Tags.security)
def data_folder_can_be_written(**kwargs: Any) -> list[CheckMessage]:
    import os

    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    if os.access(settings.DATA_DIR, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"The data folder {settings.DATA_DIR} cannot be written.",
            hint="Give this user write access to it, or name another folder with TOME_DATA_DIR.",
            id="tome.E001",
        )
    ]


@register(Tags.security)
def debug_is_off(**kwargs: Any) -> list[CheckMessage]:
    if not settings.DEBUG:
        return []
    return [
        Warning(
            "Debug mode shows settings and code to whoever sees an error page.",
            hint="Unset TOME_DEBUG on a server that others can reach.",
            id="tome.W001",
        )
    ]
