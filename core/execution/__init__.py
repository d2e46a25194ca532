"""Running what a model wrote, and what it proves: nothing here asks a model."""
