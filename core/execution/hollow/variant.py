"""How hollowed code does nothing."""

from __future__ import annotations

from typing import Literal, get_args

HollowVariant = Literal["raises", "returns"]
"""What a hollowed function does: it raises, or it gives a value that is equal to nothing else."""

HOLLOW_VARIANTS: tuple[HollowVariant, ...] = get_args(HollowVariant)
