"""One call: endpoints in their order, attempts, waits, retries, events, accounting."""
