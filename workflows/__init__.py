"""Entities and runs: deterministic orchestration; each `run` reads as the business story."""
