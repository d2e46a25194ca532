"""The places a setting may stand in, for tests: a project's folder, a user's file, the environment, the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.settings import ConfigValidationError, Settings, load_config
from core.settings.sources.keyring_key import KeyringAnswer


@dataclass
class Places:
    """The places a setting may stand in, all of them empty at first."""

    folder: Path
    user_file: Path

    @classmethod
    def below(cls, root: Path) -> Places:
        """Return places in two new folders."""
        folder, home = root / "project", root / "home"
        folder.mkdir()
        home.mkdir()
        return cls(folder, home / "config.toml")

    def write(
        self, *, project: str | bytes | None = None, user: str | None = None, dotenv: str | bytes | None = None
    ) -> None:
        for path, content in (
            (self.folder / "config.toml", project),
            (self.user_file, user),
            (self.folder / ".env", dotenv),
        ):
            if content is not None:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
                path.chmod(0o600)

    def load(self, env: dict[str, str] | None = None, **overrides: object) -> Settings:
        dotted = {name.replace("__", "."): value for name, value in overrides.items()}
        return load_config(
            cwd=self.folder,
            env=env or {},
            user_config=self.user_file,
            overrides=dotted,
            keyring=lambda _: KeyringAnswer(),
        )

    def problems(self, env: dict[str, str] | None = None, **overrides: object) -> tuple[str, ...]:
        with pytest.raises(ConfigValidationError) as caught:
            self.load(env, **overrides)
        assert caught.value.__cause__ is None
        return caught.value.problems
