"""Whether two programs that were written independently do the same on inputs that nobody wrote an example for."""
