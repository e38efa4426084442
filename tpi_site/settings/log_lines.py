"""How log lines are written: JSON by servers, sentences by commands that somebody calls."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tpi_site.settings import env

_OF_SERVERS = {"prepare", "qcluster", "runserver"}


def logging_config() -> dict[str, Any]:
    """Django's ``LOGGING``."""
    level = env.choice("TPI_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
    wish = env.choice("TPI_LOG_FORMAT", "auto", ("auto", "json", "plain"))
    is_plain = wish == "plain" or (wish == "auto" and is_called_by_hand(sys.argv))
    on_stderr = {
        "class": "logging.StreamHandler",
        "formatter": "sentence" if is_plain else "line",
        "filters": ["request_id"],
        "level": "WARNING" if is_plain and level == "INFO" else level,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": "tpi_site.kit.logs.RequestIdFilter"}},
        "formatters": {
            "line": {"()": "tpi_site.kit.logs.JsonLines"},
            "sentence": {"()": "tpi_site.kit.logs.Sentences"},
        },
        "handlers": {
            "stderr": on_stderr,
            "recent": {
                "class": "tpi_site.kit.recent_lines.RecentLines",
                "formatter": "line",
                "filters": ["request_id"],
            },
        },
        "root": {"handlers": ["stderr", "recent"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR"},
            "django.server": {"level": "WARNING"},
            "django-q": {"level": "WARNING"},
            "django_auth_ldap": {"level": "ERROR"},  # it warns of what is told by the directory's state
        },
    }


def is_called_by_hand(argv: list[str]) -> bool:
    """Whether the process is a command of ``manage.py`` that ends by itself, and none that makes a server ready."""
    return Path(argv[0]).name == "manage.py" and not (_OF_SERVERS & set(argv[1:2]))
