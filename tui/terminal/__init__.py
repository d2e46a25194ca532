"""What an app owes every terminal: its size, its bytes, its order of keys, its colours, its signals."""
