"""Numbers, paths and alerts in the words a person reads."""
