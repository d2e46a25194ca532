"""The log as rows and as a scrolling view."""
