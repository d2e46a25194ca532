"""Where values come from: TOML files, .env, the environment, the keyring."""
