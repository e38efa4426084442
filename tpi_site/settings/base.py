"""Settings of a running installation; every value that an operator may set comes through :mod:`.env`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tpi_site.settings import directories, env, log_lines, moved

BASE_DIR = Path(__file__).resolve().parent.parent.parent

TPI_DATA_DIR = Path(env.text("TPI_DATA_DIR", "var/"))
if not TPI_DATA_DIR.is_absolute():
    TPI_DATA_DIR = BASE_DIR / TPI_DATA_DIR
TPI_BIND = env.text("TPI_BIND", "127.0.0.1:8000")
TPI_URL = env.text("TPI_URL").rstrip("/")
TPI_WORKERS = env.integer("TPI_WORKERS", 2, minimum=1)
TPI_THREADS = env.integer("TPI_THREADS", 8, minimum=1)
TPI_DRAIN_SECONDS = env.integer("TPI_DRAIN_SECONDS", 30, minimum=1)
TPI_LEAVE_SECONDS = env.integer("TPI_LEAVE_SECONDS", 0)
TPI_READ_ONLY = env.switch("TPI_READ_ONLY", default=False)
TPI_JOB_LEASE_SECONDS = env.integer("TPI_JOB_LEASE_SECONDS", 60, minimum=4)
TPI_ANONYMOUS_READ = env.switch("TPI_ANONYMOUS_READ", default=False)
TPI_MAX_FILE_SIZE = env.integer("TPI_MAX_FILE_SIZE", 4 * 2**30, minimum=1)
TPI_MIN_FREE_MB = env.integer("TPI_MIN_FREE_MB", 256)
TPI_SCRUB_DAYS = env.integer("TPI_SCRUB_DAYS", 30)
TPI_SCRUB_MB_PER_SECOND = env.integer("TPI_SCRUB_MB_PER_SECOND", 50, minimum=1)
TPI_TRASH_DAYS = env.integer("TPI_TRASH_DAYS", 7)
TPI_ORPHAN_GRACE_HOURS = env.integer("TPI_ORPHAN_GRACE_HOURS", 24, minimum=1)
TPI_HEAD_TIMEOUT = env.integer("TPI_HEAD_TIMEOUT", 20, minimum=1)
TPI_BODY_TIMEOUT = env.integer("TPI_BODY_TIMEOUT", 60, minimum=1)
TPI_PAGE_CACHE_MB = env.integer("TPI_PAGE_CACHE_MB", 16, minimum=1)
TPI_ACCEL_LOCATION = env.text("TPI_ACCEL_LOCATION")
TPI_STORAGE_URL = env.text("TPI_STORAGE_URL", f"file://{TPI_DATA_DIR / 'files'}")
TPI_ENCRYPT = env.switch("TPI_ENCRYPT", default=True)
TPI_OSV_URL = env.text("TPI_OSV_URL")
TPI_OSV_HOURS = env.integer("TPI_OSV_HOURS", 6, minimum=1)
TPI_BACKUP_URL = env.text("TPI_BACKUP_URL")
TPI_BACKUP_HOURS = env.integer("TPI_BACKUP_HOURS", 24, minimum=1)
TPI_BACKUP_KEEP = env.integer("TPI_BACKUP_KEEP", 30)
TPI_DRILL_DAYS = env.integer("TPI_DRILL_DAYS", 30)
TPI_REPLICA_LAG_MINUTES = env.integer("TPI_REPLICA_LAG_MINUTES", 10)
TPI_REPLICA_INCOMPLETE_MINUTES = env.integer("TPI_REPLICA_INCOMPLETE_MINUTES", 60)
TPI_REPLICA_CONTACT_MINUTES = env.integer("TPI_REPLICA_CONTACT_MINUTES", 5)
TPI_TRUSTED_PROXIES = env.words("TPI_TRUSTED_PROXIES")
TPI_DOWNLOAD_LOG = env.switch("TPI_DOWNLOAD_LOG", default=True)
TPI_DOWNLOAD_LOG_DAYS = env.integer("TPI_DOWNLOAD_LOG_DAYS", 90, minimum=1)
TPI_OUTBOUND_NETWORKS = env.words("TPI_OUTBOUND_NETWORKS")
TPI_SITE_KEYS = env.words("TPI_SITE_KEYS")
TPI_CLIENT_REGIONS = env.words("TPI_CLIENT_REGIONS")
TPI_METRICS_NETWORKS = env.words("TPI_METRICS_NETWORKS", ("127.0.0.0/8", "::1/128"))
TPI_SIGN_IN_FAILURES = env.integer("TPI_SIGN_IN_FAILURES", 20, minimum=5)
TPI_SIGN_IN_WINDOW = env.integer("TPI_SIGN_IN_WINDOW", 300, minimum=1)
TPI_VERIFIED_PASSWORD_SECONDS = env.integer("TPI_VERIFIED_PASSWORD_SECONDS", 300)
TPI_DIRECTORY_FAILURES = env.integer("TPI_DIRECTORY_FAILURES", 5, minimum=1)
TPI_DIRECTORY_WINDOW = env.integer("TPI_DIRECTORY_WINDOW", 1800, minimum=1)
TPI_DIRECTORY_GRACE_HOURS = env.integer("TPI_DIRECTORY_GRACE_HOURS", 72)
TPI_DIRECTORY_SYNC_MINUTES = env.integer("TPI_DIRECTORY_SYNC_MINUTES", 60, minimum=5)
TPI_DIRECTORIES = directories.read()
TPI_TOKEN_MAX_DAYS = env.integer("TPI_TOKEN_MAX_DAYS", 365)
TPI_SERVICE_TOKEN_MAX_DAYS = env.integer("TPI_SERVICE_TOKEN_MAX_DAYS", 365)
TPI_SECOND_FACTOR = env.choice("TPI_SECOND_FACTOR", "off", ("off", "administrators", "privileged", "everybody"))
TPI_SESSION_IDLE_MINUTES = env.integer("TPI_SESSION_IDLE_MINUTES", 60, minimum=1)
TPI_SESSION_HOURS = env.integer("TPI_SESSION_HOURS", 12, minimum=1)
TPI_API_RATE = env.text("TPI_API_RATE", "6000/min")
TPI_ADMIN_USER = env.text("TPI_ADMIN_USER", "admin")
TPI_ADMIN_PASSWORD = env.text("TPI_ADMIN_PASSWORD")

SECRET_KEY = env.generated_secret("TPI_SECRET_KEY", TPI_DATA_DIR / "secret-key")
TPI_KEYRING = env.text("TPI_KEYRING", f"file:{TPI_DATA_DIR / 'keyring.json'}")
TPI_KEY_CACHE_HOURS = env.integer("TPI_KEY_CACHE_HOURS", 24)
TPI_KEY_SOURCE_CA = env.text("TPI_KEY_SOURCE_CA")
TPI_VAULT_TOKEN = env.text("TPI_VAULT_TOKEN")
TPI_AUDIT_KEY = env.text("TPI_AUDIT_KEY")
TPI_TOKEN_PEPPER = env.generated_secret("TPI_TOKEN_PEPPER", TPI_DATA_DIR / "token-pepper")

DEBUG = False
_public = urlsplit(TPI_URL)
FORCE_SCRIPT_NAME = _public.path or None
ALLOWED_HOSTS = env.words("TPI_ALLOWED_HOSTS", ("*",))
if _public.scheme == "https":
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
if TPI_URL:
    CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
SESSION_ENGINE = "tpi_site.kit.session_store"
SESSION_COOKIE_NAME = "tpi_session"
CSRF_COOKIE_NAME = "tpi_csrf"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = TPI_SESSION_HOURS * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "tpi_site.apps.SiteConfig",
    "tpi_site.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "django_prometheus",
    "accounts",
    "indexapp",
    "webhooks",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "tpi_site.kit.request_context.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tpi_site.kit.content_security.ContentSecurityMiddleware",
    "tpi_site.kit.private_answers.PrivateAnswersMiddleware",
    "tpi_site.kit.edge.ErrorEdgeMiddleware",
    "tpi_site.kit.origins.OriginMiddleware",
    "tpi_site.kit.small_bodies.SmallBodyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.browser_sessions.BrowserSessionMiddleware",
    "accounts.authentication.ActorMiddleware",
    "accounts.read_only_gate.ReadOnlyMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "tpi_site.urls"
WSGI_APPLICATION = "tpi_site.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tpi_site.kit.page_context.page_context",
            ],
            "libraries": {"console": "tpi_site.kit.admin.tags"},
        },
    },
]

DATABASES = {"default": env.database("TPI_DATABASE_URL", f"sqlite:///{TPI_DATA_DIR / 'tpi.sqlite3'}")}
if _moved := moved.refusal(TPI_DATA_DIR, DATABASES["default"]):
    env.problems.append(env.Problem("TPI_DATABASE_URL", _moved))
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Immediate transactions take the write lock first, so that no reader is upgraded into a deadlock; WAL lets readers
    # go on meanwhile.  synchronous=FULL: an acknowledged upload outlives a power cut.  Every thread has a connection of
    # its own, so each keeps little in memory and none maps the file; the operating system caches it once for all.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 60,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
            "PRAGMA cache_size=-2000; PRAGMA temp_store=MEMORY"
        ),
    }
TPI_DATABASE_REPLICA_URL = env.text("TPI_DATABASE_REPLICA_URL")
if TPI_DATABASE_REPLICA_URL:
    DATABASES["replica"] = env.replica("TPI_DATABASE_REPLICA_URL", TPI_DATABASE_REPLICA_URL)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"

TPI_CACHE_URL = env.text("TPI_CACHE_URL")
SHARED_CACHE: dict[str, Any] = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    "LOCATION": TPI_CACHE_URL,
    "KEY_PREFIX": "tpi",  # other keys than those of releases that could not read what is written now
    "OPTIONS": {
        "serializer": "tpi_site.kit.signed_cache.SignedJson",  # Django's own runs what it finds as code
        "socket_timeout": 2,
        "socket_connect_timeout": 2,
    },
}
CACHES: dict[str, dict[str, Any]]
if TPI_CACHE_URL:
    CACHES = {"default": SHARED_CACHE, "descriptions": SHARED_CACHE}
else:
    _local = "django.core.cache.backends.locmem.LocMemCache"
    CACHES = {
        # Counters of failed sign-ins must not be pushed out by anything large.
        "default": {"BACKEND": _local, "OPTIONS": {"MAX_ENTRIES": 20_000}},
        "descriptions": {"BACKEND": _local, "LOCATION": "descriptions", "OPTIONS": {"MAX_ENTRIES": 100}},
    }

PASSWORD_HASHERS = [
    "accounts.hashers.BoundedArgon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account:sign-in"
LOGIN_REDIRECT_URL = "account:profile"
LOGOUT_REDIRECT_URL = "browse:home"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "static/"
STATIC_ROOT = TPI_DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

Q_CLUSTER = {
    "name": "tpi",
    "orm": "default",
    "broker_class": "tpi_site.kit.job_broker.LeasingBroker",
    "workers": 1,
    "recycle": 200,
    "timeout": 1800,
    "retry": 2400,
    "max_attempts": 5,
    "poll": 1.0,
    "save_limit": 500,
    "catch_up": False,
    "label": "Jobs",
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.ActorAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.DeniedByDefault"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.bodies.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "accounts.api.bodies.JSONNegotiation",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "tpi_site.kit.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["accounts.api.throttles.ActorThrottle"],
    "DEFAULT_THROTTLE_RATES": {"actor": TPI_API_RATE, "anonymous": "300/min", "leaks": "60/min"},
    "EXCEPTION_HANDLER": "tpi_site.kit.edge.rest_exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "PAGE_SIZE": 100,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Trusted Packaging Index",
    "DESCRIPTION": (
        "Manage indexes, projects, releases, files, people and rights. Lists answer `{results, next}`; follow `next` until it "
        "is null. Every refusal is a problem document with one sentence and a stable `code`. A name that you may not see is "
        "answered like one that does not exist: 403 with credentials, 401 without."
    ),
    "VERSION": "1",
    "SERVERS": [{"url": _public.path}] if _public.path else [],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "accounts.api.schema.close_bodies",
        "accounts.api.schema.add_refusals",
    ],
    "TAGS": [
        {"name": "Indexes", "description": "Places that packages are published to and installed from."},
        {"name": "Projects", "description": "Names in an index."},
        {"name": "Releases", "description": "Versions of a project."},
        {"name": "Files", "description": "Wheels and source distributions; uploads go to the index's `upload_url`."},
        {"name": "Trash", "description": "What was deleted and can still be restored."},
        {"name": "Roles", "description": "Who may do what on an index or a project."},
        {"name": "Reserved prefixes", "description": "Beginnings of names that are kept for a team."},
        {"name": "Users", "description": "People's accounts."},
        {"name": "Teams", "description": "People who hold roles together."},
        {"name": "Tokens", "description": "Credentials for programs."},
        {"name": "Directories", "description": "LDAP and Active Directory servers that people sign in through."},
        {"name": "Alarms", "description": "What needs a person."},
        {"name": "Changes", "description": "What happened to what is published, in order."},
        {"name": "Replication", "description": "Sites that follow one another."},
        {"name": "Backups", "description": "Evidence of backups, drills and restores."},
        {"name": "Audit", "description": "Who did what."},
        {"name": "Operation", "description": "How the installation runs."},
        {"name": "Root", "description": "Where to begin."},
    ],
    "ENUM_NAME_OVERRIDES": {
        "ReplicaStateEnum": "indexapp.api.v1.replication_bodies.STATES",
        "VerbEnum": "accounts.api.token_bodies.VERBS",
        "TokenKindEnum": "accounts.models.tokens.TokenKind",
        "KindEnum": "indexapp.models.indexes.Index.Kind",
        "StateEnum": "accounts.models.directories.DirectorySync.State",
        "BackupStateEnum": "indexapp.models.backups.Backup.State",
        "DirectoryKindEnum": "accounts.models.directories.Directory.Kind",
        "FollowEnum": "indexapp.models.mirrors.Upstream.Follow",
        "SinkKindEnum": "accounts.models.audit_sinks.AuditSink.Kind",
    },
}

PROMETHEUS_METRIC_NAMESPACE = "tpi"
PROMETHEUS_EXPORT_MIGRATIONS = False

LOGGING = log_lines.logging_config()
