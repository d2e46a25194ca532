"""Where model-written code runs: one class for each kind of sandbox, and the process that runs in it."""
