"""Between user and engine: commands go out, events come in, settings are applied."""
