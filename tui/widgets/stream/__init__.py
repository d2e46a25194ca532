"""An agent's pane and its live stream, painted on one shared clock."""
