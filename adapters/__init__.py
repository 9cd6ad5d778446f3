"""One folder a system, one sub-folder a dialect; `ports.py` is what the rest of the house knows of them."""
