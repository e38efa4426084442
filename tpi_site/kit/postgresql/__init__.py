"""Django's backend for PostgreSQL where several servers may be the primary; :mod:`.base` is what Django loads."""
