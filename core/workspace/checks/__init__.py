"""What a file must be before it is accepted, by language."""
