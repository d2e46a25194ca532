"""Agents and workflows as data; this file makes the folder a package, so that every kind of install finds it."""
