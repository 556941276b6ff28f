from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from web.pages import home

urlpatterns = [
    path("", home, name="home"),
    path("login", LoginView.as_view(template_name="web/login.html", redirect_authenticated_user=True), name="login"),
    path("logout", LogoutView.as_view(next_page="login"), name="logout"),
]
