"""Set-up and running on one's own machine: the Temporal dev server, an embedded PostgreSQL, child processes."""
