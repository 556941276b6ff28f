from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "project"

    def ready(self) -> None:
        # `shared_task` binds to the app that exists when a task is first used; without this it would be Celery's default.
        import project.celery  # noqa: F401
        import project.checks  # noqa: F401
