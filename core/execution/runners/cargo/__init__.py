"""Tests in Rust, run by cargo."""
