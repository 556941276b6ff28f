from django.urls import include, path, re_path

from api import kosync
from api.urls import api

urlpatterns = [
    re_path(r"^(?:api/v1|kosync)(?=/|\Z)", include(kosync.urlpatterns)),
    path("api/", api.urls),
    path("", include("web.opds.urls")),
    path("", include("web.urls")),
]
