"""Loading Django, for the commands that need it."""

import os


def use_django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    import django

    django.setup()
