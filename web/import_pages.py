from django.http import HttpRequest, HttpResponse

from web.rendering import page


@page
def log(request: HttpRequest) -> HttpResponse: ...


add = session = delete = restore = imports = log
