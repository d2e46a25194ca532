"""Reading files out of answers, checking them and writing them safely."""
