"""The output folder: safe paths, atomic writing, versions, the manifest."""
