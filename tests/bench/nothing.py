"""An app whose one view does nothing: what a request costs before Tome does anything for it."""

from django.conf import settings

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="none-needed", APPEND_SLASH=False)

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()

from django.http import HttpRequest  # noqa: E402
from django.urls import path  # noqa: E402
from ninja import NinjaAPI  # noqa: E402

api = NinjaAPI()


@api.get("/nothing")
def get_nothing(request: HttpRequest) -> dict[str, bool]:
    return {"ok": True}


urlpatterns = [path("api/", api.urls)]
