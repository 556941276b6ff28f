from django.urls import include, path

from api.urls import api

urlpatterns = [
    path("api/", api.urls),
    path("", include("web.urls")),
]
