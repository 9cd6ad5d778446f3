"""The planning system, a sub-folder a dialect."""
