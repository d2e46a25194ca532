"""How tests of a language are collected and executed: one class for each test runner."""
