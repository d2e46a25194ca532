"""What the tests of the settings share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.places import Places


@pytest.fixture
def places() -> Iterator[Places]:
    with TemporaryDirectory() as root:
        yield Places.below(Path(root))
