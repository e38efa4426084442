"""The product's own gunicorn settings, for reference B: the same workers, threads and limits, another application."""

from runpy import run_path

_NOT_TAKEN = {"wsgi_app", "on_starting", "child_exit", "proc_name"}
globals().update(
    {
        name: value
        for name, value in run_path("deploy/gunicorn.conf.py").items()
        if not name.startswith("_") and name not in _NOT_TAKEN
    }
)
wsgi_app = "tests.bench.reference:application()"
