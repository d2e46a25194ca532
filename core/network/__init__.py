"""What stands between this machine and a server: proxies and trusted certificates of the user's environment."""
