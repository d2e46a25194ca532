"""What is known of servers: facts, models, health, the state that calls to one server share, and which endpoint to ask."""
