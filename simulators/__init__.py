"""Counterparts for demo and tests: each an ASGI app with its own dialect and its own books, knowing nothing of ours."""
