from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("library", "0004_fill_catalogue")]

    operations = [
        migrations.AddIndex(
            model_name="book",
            index=models.Index(name="library_book_by_change", fields=["changed_at"]),
        ),
    ]
