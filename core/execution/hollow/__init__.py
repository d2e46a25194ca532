"""Copies of delivered code that do nothing: a test that stays green against them proves nothing."""
