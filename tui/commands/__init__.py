"""The command line: the app, a run without a terminal, config, doctor."""
