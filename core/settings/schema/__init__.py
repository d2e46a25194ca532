"""What can be set: sections, fields with bounds and documentation, profiles, and where a value came from."""
