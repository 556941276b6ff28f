from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "project"

    def ready(self) -> None:
        # `shared_task` binds to the app that exists when a task is first used: without this, Celery's default.
        import project.celery
        import project.checks  # noqa: F401
