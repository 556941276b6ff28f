"""Django's settings. They work with no environment at all; every variable is declared in `project.env`."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

import dj_database_url

from project.broker import TASK_ROUTES, VISIBILITY_TIMEOUT_SECONDS, broker_url
from project.env import read

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR: Path = read("TOME_DATA_DIR")
LIBRARY_DIR: Path = read("TOME_LIBRARY_DIR") or DATA_DIR / "library"
COVERS_DIR = DATA_DIR / "covers"
PUBLIC_URL: str | None = read("TOME_PUBLIC_URL")
SENDFILE: str = read("TOME_SENDFILE")
SENDFILE_PREFIX: str = read("TOME_SENDFILE_PREFIX")
MAX_UPLOAD_BYTES: int = read("TOME_MAX_UPLOAD_MB") * 1024 * 1024
DEBUG: bool = read("TOME_DEBUG")


def secret_key() -> str:
    """TOME_SECRET_KEY, or the key that this data folder has kept since its first start."""
    if given := read("TOME_SECRET_KEY"):
        return str(given)
    kept = DATA_DIR / "secret.key"
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Two processes may start at once: both write a candidate, the first link wins, and both read what won.
    candidate = DATA_DIR / f".secret.{os.getpid()}.{secrets.token_hex(4)}"
    if not kept.exists():
        descriptor = os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(candidate, kept)
        finally:
            candidate.unlink()
    return kept.read_text().strip()


SECRET_KEY = secret_key()
ALLOWED_HOSTS = [host.strip() for host in read("TOME_ALLOWED_HOSTS").split(",") if host.strip()]
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
APPEND_SLASH = False  # a PUT or POST is never redirected
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "accounts",
    "library",
    "reading",
    "workers",
    "web",
    "project",
]
MIDDLEWARE = [
    "api.edges.ApiEdges",
    "api.errors.JsonErrors",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "web.security.ContentPolicy",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

AUTH_USER_MODEL = "accounts.Reader"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = bool(PUBLIC_URL and PUBLIC_URL.startswith("https:"))
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

STATIC_URL = "/static/"
STATIC_ROOT = None  # nothing is collected: WhiteNoise serves from the packages themselves
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

SQLITE_OPTIONS = {
    # Immediate: a transaction that reads first and writes later would otherwise fail when another wrote between.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    # FULL: an acknowledged commit survives a power cut. WAL alone (NORMAL) may lose the last ones.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8000; PRAGMA journal_size_limit=67108864",
}
DATABASES = {
    "default": dj_database_url.parse(
        read("TOME_DATABASE_URL") or f"sqlite:///{DATA_DIR / 'tome.sqlite3'}", conn_max_age=None
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {})["options"] = "-c synchronous_commit=on"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024  # a batch of 500 sessions with long names stays below 1 MiB
FILE_UPLOAD_TEMP_DIR = None

CELERY_BROKER_URL = broker_url()
CELERY_IMPORTS = ["workers.library", "workers.reading"]
CELERY_TASK_ROUTES = TASK_ROUTES
CELERY_TASK_DEFAULT_QUEUE = "sync"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
# A worker takes one message at a time: what it holds back would wait behind a long import, or be lost with it.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": VISIBILITY_TIMEOUT_SECONDS}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": read("TOME_LOG_LEVEL")},
    "loggers": {
        "django.server": {"propagate": True},
        # One line for each task that came and went would bury the rest: the sweep alone runs every ten seconds.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
