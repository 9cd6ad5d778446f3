"""PostgreSQL: inbox, dead letters, registry of requirements, order sheets, facts and read models."""
