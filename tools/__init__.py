"""Set-up and operation on a developer's machine: Temporal dev server, embedded PostgreSQL, child processes."""
