"""A planning system that takes coverage by plain REST."""
