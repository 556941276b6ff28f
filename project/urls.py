from django.urls import include, path, re_path

from api import api
from api.errors import unknown_path

urlpatterns = [
    path("api/", api.urls),
    re_path(r"^api(/.*)?$", unknown_path),
    path("", include("web.urls")),
]
