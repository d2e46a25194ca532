"""The terminal front end of Quintet: shows the team, decides nothing about it."""
