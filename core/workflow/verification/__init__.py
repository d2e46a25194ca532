"""The engine's own step: executing the tests, judging, looking again, and sending back."""
