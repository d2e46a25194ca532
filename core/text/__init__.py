"""Foreign text made safe, and words for people."""
