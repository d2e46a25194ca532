"""Alerts: rules over metrics, and what watches them."""
