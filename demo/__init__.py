"""The scenario that `make demo` plays, the people in it, and its data."""
