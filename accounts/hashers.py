"""How passwords are hashed."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class BoundedArgon2(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes and one lane, the least that OWASP's password storage guidance recommends.

    Django's default of 100 MiB a hash would let a handful of wrong passwords at once take more memory than the service.
    """

    time_cost = 2
    memory_cost = 19 * 1024  # KiB
    parallelism = 1
