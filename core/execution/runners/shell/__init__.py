"""Tests that are shell scripts."""
