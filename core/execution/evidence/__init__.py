"""What executed tests prove, and who is at fault when they do not pass."""
