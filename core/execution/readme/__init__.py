"""The commands and claims of a delivered README: read, tried in the sandbox, compared with the verdict."""
