"""Tests in Python: the environment they run in, the program that runs pytest in it, and the report that comes back."""
