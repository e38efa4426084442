"""Long runs, each a command: ``python -m tests.soak.kills``, ``.traffic``, ``.real_projects``."""
