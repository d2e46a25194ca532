"""The kinds of work an agent does in a step: a class for each, and what becomes of its answers."""
