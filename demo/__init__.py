"""The story that `make demo` tells, the people in it, and its data."""
