"""The room for running what a model wrote: sandbox, test runners, evidence. Nothing is executed yet."""
