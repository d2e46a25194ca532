"""Changing settings: a draft that is checked as it is typed, and saving that keeps comments."""
