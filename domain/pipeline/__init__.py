"""The bridge's pipeline: ERP rows become what ScheduleHub is told. One module per stage, pages are columns.

    columns -> normalize -> validate -> mapping -> identity -> delta -> parents     (page.py runs the middle)

A row that fails is carried along to learn its key, so that it is never taken for deleted, and is delivered nowhere.
What a workflow decides with (windows, background, backoff, metrics, deletion, dependencies) imports no Polars.
"""
