"""The engine of Quintet: runs the team, draws nothing."""
