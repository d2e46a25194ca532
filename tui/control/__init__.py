"""Between user and engine: wishes out, events in, settings applied."""
