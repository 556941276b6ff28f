"""The web application, as granian loads it in each of its workers."""

import os

from project.processes import die_with_parent

if os.environ.get("TOME_SERVICE"):
    die_with_parent()  # a granian worker outlives its killed main process otherwise, and keeps the port

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()
