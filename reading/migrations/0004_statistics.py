import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_goals'),
        ('library', '0004_fill_catalogue'),
        ('reading', '0003_documents'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BookTotal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_current', models.BooleanField()),
                ('days', models.PositiveIntegerField(default=0)),
                ('seconds', models.FloatField(default=0)),
                ('sessions', models.PositiveIntegerField(default=0)),
                ('pages', models.FloatField(default=0)),
                ('paged_seconds', models.FloatField(default=0)),
                ('progress', models.FloatField(default=0)),
                ('progress_seconds', models.FloatField(default=0)),
                ('first_day', models.DateField(null=True)),
                ('last_day', models.DateField(null=True)),
                ('slow_progress_an_hour', models.FloatField(null=True)),
                ('fast_progress_an_hour', models.FloatField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ReaderDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('seconds', models.FloatField()),
                ('sessions', models.PositiveIntegerField()),
                ('carried', models.PositiveIntegerField()),
                ('pages', models.FloatField()),
                ('paged_seconds', models.FloatField(default=0)),
                ('progress', models.FloatField(default=0)),
                ('progress_seconds', models.FloatField(default=0)),
                ('hours', models.JSONField()),
                ('devices', models.JSONField()),
                ('covered_seconds', models.FloatField()),
                ('covered_sessions', models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='ReaderYear',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_current', models.BooleanField()),
                ('days', models.PositiveIntegerField(default=0)),
                ('seconds', models.FloatField(default=0)),
                ('sessions', models.PositiveIntegerField(default=0)),
                ('pages', models.FloatField(default=0)),
                ('paged_seconds', models.FloatField(default=0)),
                ('progress', models.FloatField(default=0)),
                ('progress_seconds', models.FloatField(default=0)),
                ('first_day', models.DateField(null=True)),
                ('last_day', models.DateField(null=True)),
                ('year', models.PositiveSmallIntegerField()),
                ('carried', models.PositiveIntegerField(default=0)),
                ('hours', models.JSONField(default=list)),
                ('devices', models.JSONField(default=dict)),
                ('covered_seconds', models.FloatField(default=0)),
                ('covered_sessions', models.PositiveIntegerField(default=0)),
                ('first_run', models.PositiveSmallIntegerField(default=0)),
                ('last_run', models.PositiveSmallIntegerField(default=0)),
                ('longest_run', models.PositiveSmallIntegerField(default=0)),
                ('longest_run_ended_on', models.DateField(null=True)),
                ('review', models.JSONField(default=dict)),
                ('daily', models.TextField(default='')),
            ],
        ),
        migrations.CreateModel(
            name='Recount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('begun_at', models.DateTimeField()),
                ('days', models.PositiveIntegerField()),
                ('done', models.PositiveIntegerField(default=0)),
                ('before_day', models.DateField()),
            ],
        ),
        migrations.CreateModel(
            name='StatisticsImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('filename', models.CharField(max_length=1000)),
                ('sha256', models.CharField(max_length=64)),
                ('size', models.BigIntegerField()),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('finished', 'Finished'), ('failed', 'Failed')], default='queued', max_length=10)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('books_seen', models.PositiveIntegerField(default=0)),
                ('books_unknown', models.PositiveIntegerField(default=0)),
                ('rows_total', models.PositiveBigIntegerField(default=0)),
                ('rows_done', models.PositiveBigIntegerField(default=0)),
                ('sessions_stored', models.PositiveIntegerField(default=0)),
                ('sessions_known', models.PositiveIntegerField(default=0)),
                ('sessions_flagged', models.PositiveIntegerField(default=0)),
                ('cursor', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('worked_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.RemoveIndex(
            model_name='session',
            name='reading_session_by_book',
        ),
        migrations.AddField(
            model_name='bookday',
            name='paged_seconds',
            field=models.FloatField(default=0),
        ),
        migrations.AddField(
            model_name='bookday',
            name='progress',
            field=models.FloatField(default=0),
        ),
        migrations.AddField(
            model_name='bookday',
            name='progress_seconds',
            field=models.FloatField(default=0),
        ),
        migrations.AddField(
            model_name='session',
            name='reported',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='session',
            name='source',
            field=models.CharField(choices=[('device', 'Device'), ('web', 'Web'), ('import', 'Import'), ('hand', 'Hand')], default='device', max_length=10),
        ),
        # Its body becomes bytes. Nothing is lost: it is derived, and put together anew by what 0005 marks.
        migrations.DeleteModel(name='StatsPayload'),
        migrations.CreateModel(
            name='StatsPayload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('body', models.BinaryField()),
                ('etag', models.CharField(max_length=64)),
                ('generated_at', models.DateTimeField()),
                ('today', models.DateField()),
                ('good_until', models.DateTimeField()),
                ('reader', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='stats_payload', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AlterField(
            model_name='bookday',
            name='book',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='days', to='library.book'),
        ),
        migrations.AlterField(
            model_name='bookday',
            name='reader',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='session',
            name='flag',
            field=models.CharField(blank=True, choices=[('', 'None'), ('before_time', 'Before Time'), ('future', 'Future'), ('ends_before_start', 'Ends Before Start'), ('too_long', 'Too Long'), ('idle', 'Idle'), ('fast', 'Fast'), ('deleted', 'Deleted')], max_length=20),
        ),
        migrations.AddIndex(
            model_name='bookday',
            index=models.Index(fields=['book', 'reader', 'day'], name='reading_book_day_of_book'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['reader', 'book', 'ended_at'], name='reading_session_of_book'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(condition=models.Q(('progress_end__gte', 0.99)), fields=['reader', 'book', 'ended_at'], name='reading_session_to_the_end'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(condition=models.Q(('flag', ''), _negated=True), fields=['reader', 'ended_at'], name='reading_session_flagged'),
        ),
        migrations.AddField(
            model_name='booktotal',
            name='book',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='totals', to='library.book'),
        ),
        migrations.AddField(
            model_name='booktotal',
            name='reader',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='readerday',
            name='reader',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='readeryear',
            name='reader',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='recount',
            name='reader',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='recount', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='statisticsimport',
            name='reader',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='statistics_imports', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='booktotal',
            index=models.Index(fields=['book'], name='reading_book_total_of_book'),
        ),
        migrations.AddIndex(
            model_name='booktotal',
            index=models.Index(condition=models.Q(('is_current', False)), fields=['reader'], name='reading_book_total_stale'),
        ),
        migrations.AddConstraint(
            model_name='booktotal',
            constraint=models.UniqueConstraint(fields=('reader', 'book'), name='reading_one_book_total'),
        ),
        migrations.AddConstraint(
            model_name='readerday',
            constraint=models.UniqueConstraint(fields=('reader', 'day'), name='reading_one_reader_day'),
        ),
        migrations.AddIndex(
            model_name='readeryear',
            index=models.Index(condition=models.Q(('is_current', False)), fields=['reader'], name='reading_reader_year_stale'),
        ),
        migrations.AddConstraint(
            model_name='readeryear',
            constraint=models.UniqueConstraint(fields=('reader', 'year'), name='reading_one_reader_year'),
        ),
        migrations.AddIndex(
            model_name='statisticsimport',
            index=models.Index(fields=['reader', 'id'], name='reading_import_of_reader'),
        ),
        migrations.AddIndex(
            model_name='statisticsimport',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'running'])), fields=['id'], name='reading_import_open'),
        ),
    ]
