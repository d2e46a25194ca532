"""From a model's answer to the text of a file: fences, listings, prose, stubs."""
