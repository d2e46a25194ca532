"""One request on the wire: client, connection pool, request body, stream decoder."""
