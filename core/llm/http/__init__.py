"""One request on the wire: client, connection pool, stream decoder."""
