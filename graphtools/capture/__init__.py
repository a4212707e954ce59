"""Capturing: torch.fx before any data (`symbolic`), a watched run (`eager`), and the calls that choose (`api`)."""
