"""Whether a folder's own files may decide: trusted folders, limits for the others, which key goes to which server."""
