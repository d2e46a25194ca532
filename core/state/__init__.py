"""The state of the whole, folded from the events and pulled by a front end."""
