"""Keeping a prompt within a model's window: counting tokens, trimming, noticing a silent cut."""
